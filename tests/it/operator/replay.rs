//! `rejoinder replay`: the store again, from nothing but the log.

use std::{fs, process::Output};

use rejoinder_proto::Topic;

use super::site::{Kind, Site, id_of};

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn the_embedded_store_is_rebuilt() {
    let Some(mut site) = Site::open(Kind::Embedded, "the_embedded_store_is_rebuilt").await else { return };
    let day = site.day().await;
    let refused = site.home().output(&["replay"]);
    assert!(!refused.status.success() && text(&refused).contains("in use by another"), "{}", text(&refused));
    // Beside the running site, into another file.
    let beside = site.home().data().join("beside.sqlite").display().to_string();
    let before = site.home().succeed(&["checksum"]);
    assert!(before.contains("rows 10") && before.contains("decisions 3"), "{before}");
    assert_eq!(site.home().succeed(&["replay", "--database", &beside]), before);
    assert_eq!(site.home().succeed(&["checksum", "--database", &beside]), before);

    site.stop();
    let offsets = site.read(Topic::Published).len();
    let refused = site.home().output(&["replay"]);
    assert!(!refused.status.success() && text(&refused).contains("not empty"), "{}", text(&refused));
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(site.home().data().join(format!("comments.sqlite{end}")));
    }
    assert_eq!(site.home().succeed(&["replay"]), before);
    assert_eq!(site.read(Topic::Published).len(), offsets, "nothing is published");
    let site_again = site.start();
    assert_eq!(site_again.state(&day.approved).await, "published");
    assert_eq!(site_again.bodies("a").await.len(), 2);
    site.until_at_rest().await;
    assert!(site.audit(&[]).0, "the audit holds on the rebuilt store");
    assert_eq!(site.home().succeed(&["checksum"]), before, "no group's offset moved, so nothing came again");
    site.stop();

    // What the log says happened is compared with what happens now.
    let copy = day.copy.clone();
    let own: Vec<_> = site.read(Topic::Rejected).into_iter().filter(|each| id_of(each) == copy).collect();
    assert_eq!(own.len(), 1);
    let (partition, offset) = (own[0].position.partition, own[0].position.offset);
    let tampered = format!(
        "DELETE FROM records WHERE topic = 'comments.rejected' AND partition = {partition} AND \"offset\" = {offset}"
    );
    site.sql("log.sqlite", &tampered).await;
    let into = site.home().data().join("without.sqlite").display().to_string();
    let differs = site.home().output(&["replay", "--database", &into]);
    assert_eq!(differs.status.code(), Some(1));
    assert!(text(&differs).contains(&format!("DIFFERS    {copy}")), "{}", text(&differs));

    let tampered =
        format!("DELETE FROM records WHERE topic = 'comments.screened' AND headers LIKE '%{}%'", day.approved);
    site.sql("log.sqlite", &tampered).await;
    let into = site.home().data().join("less.sqlite").display().to_string();
    let differs = site.home().output(&["replay", "--database", &into]);
    assert!(text(&differs).contains(&format!("DIFFERS    {} was announced then", day.approved)), "{}", text(&differs));
}

#[tokio::test]
async fn the_distributed_store_is_rebuilt_in_either_database() {
    let test = "the_distributed_store_is_rebuilt_in_either_database";
    let Some(mut site) = Site::open(Kind::Distributed, test).await else { return };
    site.day().await;
    let before = site.home().succeed(&["checksum"]);
    assert!(before.contains("rows 10") && before.contains("decisions 3"), "{before}");
    let refused = site.home().output(&["replay"]);
    assert!(!refused.status.success() && text(&refused).contains("not empty"), "{}", text(&refused));
    let file = site.home().data().join("beside.sqlite");
    fs::create_dir_all(site.home().data()).expect("a folder");
    assert_eq!(site.home().succeed(&["replay", "--database", &file.display().to_string()]), before);
    let Site::Distributed(house) = &site else { panic!("it is distributed") };
    let another = house.another_database().await;
    assert_eq!(site.home().succeed(&["replay", "--database", &another]), before);
    assert_eq!(site.home().succeed(&["checksum", "--database", &another]), before);
    assert!(site.audit(&[]).0, "the original is as it was");

    // A part of the log makes a part of the store.
    let none = site.home().data().join("none.sqlite").display().to_string();
    let empty = site.home().succeed(&["replay", "--to", "2020-01-01", "--database", &none]);
    assert!(empty.contains("rows 0"), "{empty}");
}
