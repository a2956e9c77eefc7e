//! No language is an attack.

use rejoinder_proto::v1::Verdict;
use rejoinder_spam_filter::Facts;
use rstest::rstest;

use crate::support::{named, outcome, post, text};

#[rstest]
#[case::persian(
    "مریم احمدی",
    "مقالهٔ بسیار خوبی بود؛ می‌خواهم بدانم قسمت بعدی کی منتشر می‌شود؟ ممنون از iPhone من ۱۲۳۴۵۶۷۸۹"
)]
#[case::arabic("خالد", "شكراً جزيلاً على هذا المقال الرائع، أتمنى لكم التوفيق والنجاح الدائم.")]
#[case::hebrew("נועה", "תודה רבה על הכתבה, היא הסבירה לי את הנושא בצורה ברורה מאוד.")]
#[case::chinese("王小明", "这篇文章写得非常好，我已经转发给我的朋友了。谢谢作者！Python也很好用。")]
#[case::japanese("さくら", "とても参考になりました。次の記事も楽しみにしています。ＡＢＣ株式会社")]
#[case::korean("민준", "정말 좋은 글 잘 읽었습니다. 다음 글도 기대하겠습니다ㅋㅋㅋㅋㅋ")]
#[case::thai("สมชาย", "บทความนี้ดีมากครับ อ่านแล้วเข้าใจง่าย ขอบคุณที่แบ่งปันความรู้ 55555")]
#[case::hindi("अनिता", "बहुत अच्छा लेख है, मुझे यह पढ़कर बहुत कुछ सीखने को मिला। धन्यवाद!")]
#[case::tamil("கவிதா", "இந்தக் கட்டுரை மிகவும் பயனுள்ளதாக இருந்தது, நன்றி.")]
#[case::russian(
    "Анна",
    "Отличная статья, спасибо! Работаю в IT, и мой VPNом собранный сервер на Linux'е это подтверждает."
)]
#[case::ukrainian("Олена", "Дуже цікава стаття, дякую авторові за ґрунтовне пояснення її змісту.")]
#[case::greek("Ελένη", "Πολύ ωραίο άρθρο, ευχαριστώ! Το Δt και τα μF είναι σωστά.")]
#[case::german("Jürgen", "Großartiger Artikel über Straßenbau, vielen Dank für die Mühe!")]
#[case::turkish("İbrahim", "Çok güzel bir yazı olmuş, elinize sağlık. Işık ve ılık su.")]
#[case::vietnamese("Nguyễn", "Bài viết rất hay, cảm ơn tác giả đã chia sẻ những kiến thức bổ ích này.")]
#[case::georgian("ნინო", "ძალიან საინტერესო სტატიაა, დიდი მადლობა ავტორს.")]
#[case::emoji("👩‍🚀 Sam", "Love this 👩‍👩‍👧‍👦🇮🇷🏳️‍🌈 😂😂😂😂😂😂😂😂😂😂😂😂😂😂😂😂 👍🏽")]
fn a_language_is_left_alone(#[case] name: &str, #[case] said: &str) {
    assert_eq!(outcome(&text(said), &Facts::default(), &post()), (Verdict::Approve, vec![]));
    assert_eq!(outcome(&named(name), &Facts::default(), &post()), (Verdict::Approve, vec![]));
}
