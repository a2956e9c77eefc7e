//! `docs/openapi.yaml` has the router's paths and methods, all of them and no others. What is answered there,
//! `tests/openapi` holds against it.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use serde_json::Value;

use crate::house::House;

type Methods = BTreeSet<String>;

fn documented() -> BTreeMap<String, Methods> {
    let document: Value = serde_saphyr::from_str(include_str!("../../../../docs/openapi.yaml")).expect("YAML");
    let methods = |item: &Value| -> Methods {
        let keys = item.as_object().expect("a path").keys().map(|key| key.to_uppercase());
        keys.filter(|key| key != "PARAMETERS").collect()
    };
    let paths = document["paths"].as_object().expect("paths");
    paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
}

async fn offered(house: &House, path: &str) -> Methods {
    // What stands in braces may be anything here.
    let address = path.replace(['{', '}'], "");
    let mut offered = Methods::new();
    for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let request = Request::builder().method(&method).uri(&address).body(Body::empty()).expect("a request");
        if house.send(request).await.status != StatusCode::METHOD_NOT_ALLOWED {
            offered.insert(method.to_string());
        }
    }
    offered
}

#[tokio::test]
async fn the_document_has_every_route_and_no_other() {
    let (house, documented) = (House::new(), documented());
    let paths: BTreeSet<String> = rejoinder_gateway::paths().into_iter().map(str::to_owned).collect();
    assert_eq!(documented.keys().cloned().collect::<BTreeSet<_>>(), paths);
    for (path, methods) in documented {
        assert_eq!(offered(&house, &path).await, methods, "{path}");
    }
}
