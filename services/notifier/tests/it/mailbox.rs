//! The folder back-end from end to end.

use rejoinder_notifier::{
    Backend, Depth, Settings,
    mailer::{list_folder, read_folder},
};

use crate::{
    smtp::Server,
    support::{House, ids, smtp},
};

#[tokio::test]
async fn mails_stand_in_the_folder_and_their_links_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mail");
    let nowhere = Server::start([]).await;
    let house = House::new(Settings { backend: Backend::Folder, folder: path.clone(), ..smtp(nowhere.address) });
    let sender = house.send();
    house.hold(&ids(20)).await;
    house.until(Depth { sent: 20, ..Depth::default() }).await;
    sender.stop().await;
    assert_eq!(nowhere.connections(), 0);
    let mails = list_folder(&path).expect("listed");
    assert_eq!(mails.len(), 20);
    let mail = read_folder(&path, &mails[0].file).expect("read");
    assert!(mail.summary.subject.starts_with("[news] Please moderate: "), "{}", mail.summary.subject);
    assert_eq!(mail.summary.to, "amin <amin@news.example>");
    let token =
        mail.text.lines().find_map(|line| line.strip_prefix("http://localhost:8080/moderate/")).expect("a link");
    let claim = House::keys().verify(token, chrono::Utc::now()).expect("a valid link");
    assert_eq!((claim.moderator.as_str(), claim.site.as_str()), ("amin", "news"));
    assert!(mail.html.contains(token));
}
