//! A publisher that is not ours: confluent-kafka in Python, with messages made from the schemas alone.

use std::{env, path::Path, process::Command};

use crate::{distributed::Deployment, harness::services::skipped};

#[tokio::test]
async fn a_foreign_publishers_json_and_protobuf_come_out_right() {
    let test = "a_foreign_publishers_json_and_protobuf_come_out_right";
    let Some(house) = Deployment::start(test, "policy.screening.mode = \"post\"\n").await else { return };
    let Ok(python) = env::var("REJOINDER_TEST_PYTHON") else {
        skipped(test, "REJOINDER_TEST_PYTHON is not set; `make test` sets it up");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/publisher/publish.py");
    let output = Command::new(python)
        .arg(script)
        .args([&house.kafka.brokers, &format!("{}comments.submitted", house.kafka.prefix)])
        .output()
        .expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let ids: Vec<String> = String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect();
    assert_eq!(ids.len(), 4);
    for id in &ids {
        house.gateway.until_state(id, "published").await;
    }
    let bodies = house.gateway.bodies("python").await;
    assert_eq!(
        bodies,
        [
            "<p>protobuf: سلام دنیا</p>",
            "<p>json: 你好 👩‍👩‍👧‍👦</p>",
            "<p>json without headers but its type</p>",
            "<p>protobuf with its id in the header alone</p>",
        ]
    );
}
