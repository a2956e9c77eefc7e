use super::{layers::environment, *};

fn load(text: &str) -> Result<Config> {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), text).expect("written");
    Layers::load(Some(file.path()))?.config()
}

/// The documented file and the code must not drift apart: each says the defaults, and they are the same.
#[test]
fn the_documented_defaults_are_the_codes() {
    let config = Layers::load(None).and_then(|layers| layers.config()).expect("the documented file is good");
    assert_eq!(config.kafka, KafkaSettings::default());
    // Where the gateway is reached stands in one key for both.
    let public_url = "http://127.0.0.1:8080".to_owned();
    assert_eq!(config.gateway, rejoinder_gateway::Settings { public_url: public_url.clone(), ..Default::default() });
    let mail = rejoinder_notifier::Settings { public_url, ..Default::default() };
    assert_eq!(config.mail.folder, config.data_dir.join(&mail.folder), "a relative folder lies in the data folder");
    assert_eq!(config.mail, rejoinder_notifier::Settings { folder: config.mail.folder.clone(), ..mail });
    let shared = [("any".to_owned(), SiteConfig::default())].into();
    let policies = Policies::new(&config.policy, &shared, false).expect("good policies");
    assert_eq!(policies.validation["any"], rejoinder_validator::Policy::default());
    assert_eq!(policies.screening["any"], rejoinder_spam_filter::Policy::default());
    assert!(policies.trials.is_empty(), "nothing is on trial");
    assert_eq!(policies.notification["any"].notify_held, rejoinder_notifier::Policy::default().notify_held);
    let (runner, ours) = (RunnerSettings::default(), config.runner_settings());
    assert_eq!(
        (ours.max_records, ours.max_bytes, ours.deadline, ours.breaker),
        (runner.max_records, runner.max_bytes, runner.deadline, runner.breaker)
    );
}

/// Every field of a policy stands in the documented file, so that nobody has to read the code to find it.
#[test]
fn every_policy_field_is_documented() {
    let config = Layers::load(None).and_then(|layers| layers.config()).expect("the documented file is good");
    let documented = |part: &str| config.policy[part].as_object().expect("a table").clone();
    let code = |value: serde_json::Value| value.as_object().expect("a table").clone();
    let validation = code(serde_json::to_value(rejoinder_validator::Policy::default()).expect("serialises"));
    let screening = code(serde_json::to_value(rejoinder_spam_filter::Policy::default()).expect("serialises"));
    for (part, fields) in [("validation", validation), ("screening", screening)] {
        let documented = documented(part);
        for field in fields.keys() {
            assert!(documented.contains_key(field), "policy.{part}.{field} is not in deploy/rejoinder.toml");
        }
    }
}

#[test]
fn a_site_changes_only_what_it_names() {
    let config = load(
        "policy.validation.flood_seconds = 7\n\
         [sites.a]\n[sites.b.policy.validation]\nflood_seconds = 9\n",
    );
    let policies = config.and_then(|config| config.policies()).expect("good");
    assert_eq!(policies.validation["a"].flood_seconds, 7);
    assert_eq!(policies.validation["b"].flood_seconds, 9);
    assert!(!policies.validation.contains_key("example"), "a file's sites replace the sample one");
}

#[test]
fn a_trial_differs_from_the_live_policy_in_what_it_names() {
    let trials = |text: &str| load(text).and_then(|config| Ok(config.policies()?.trials));
    let all = trials(
        "policy.screening.hold_at = 4.5\npolicy.trial.screening.link_weight = 3\n\
         [sites.a]\n[sites.b.policy.trial]\nname = \"links\"\n[sites.b.policy.trial.screening]\nlink_weight = 2\n\
         [sites.b.policy.trial.screening.suspect_words]\n\"kazoo\" = 9\n",
    )
    .expect("good");
    assert_eq!((all["a"].name.as_str(), all["a"].policy.link_weight, all["a"].policy.hold_at), ("trial", 3.0, 4.5));
    assert_eq!((all["b"].name.as_str(), all["b"].policy.link_weight), ("links", 2.0));
    assert_eq!((all["b"].policy.suspect_words["kazoo"], all["b"].policy.suspect_words["casino"]), (9.0, 2.0));
    assert!(trials("[sites.a]\n[sites.b.policy.trial]\nname = \"idle\"").expect("good").is_empty());
    let model = trials("[spam_filter]\ntrial_model = \"any\"\n[sites.a]").expect("read at the start, not here");
    assert_eq!((model.len(), &model["a"].policy), (1, &rejoinder_spam_filter::Policy::default()));

    for (trial, said) in [
        ("name = \"Ada <ada@example.org>\"\nscreening.hold_at = 4", "policy.trial.name (for site a)"),
        ("screening.hold_att = 4", "policy.trial.screening"),
        ("screening.hold_att = 4", "unknown field `hold_att`"),
        ("screening.hold_at = \"x\"", "policy.trial.screening.hold_at (for site a)"),
        ("screening.hold_at = 40", "hold_at (40)"),
        ("screening.campaign_window_seconds = 60", "policy.trial.screening.campaign_window_seconds"),
        ("screening.campaign_min_size = 3", "policy.trial.screening.campaign_min_size"),
        ("model = \"x\"", "unknown field `model`"),
    ] {
        let error = trials(&format!("[sites.a.policy.trial]\n{trial}")).expect_err(trial);
        assert!(format!("{error:#}").contains(said), "{trial}: {error:#}");
    }
    trials("[sites.a.policy.trial.screening]\ncampaign_min_size = 9").expect("fewer campaigns can be tried");
}

#[test]
fn the_environment_speaks_json_where_a_word_is_not_enough() {
    let set = |name: &str, value: &str| environment([(name.to_owned(), value.to_owned())].into_iter());
    let one = |name: &str, value: &str| set(name, value).expect("good").pop().expect("one");
    assert_eq!(one("REJOINDER__KAFKA__BROKERS", "x:1"), ("kafka.brokers".into(), "x:1".into()));
    assert_eq!(one("REJOINDER__POSTGRES__URL", "007"), ("postgres.url".into(), "007".into()));
    let (key, keys) = one("REJOINDER__MODERATION__KEYS", "[\"a\", \"b\"]");
    assert_eq!((key.as_str(), keys.into_array().map(|keys| keys.len()).ok()), ("moderation.keys", Some(2)));
    let (_, flood) = one("REJOINDER__POLICY__VALIDATION__FLOOD_SECONDS", "0");
    assert_eq!(flood.into_int().ok(), Some(0));
    assert!(set("REJOINDER__MODERATION__KEYS", "[a").is_err());
    assert!(set("PATH", "x").expect("good").is_empty());
}

#[test]
fn a_place_in_a_list_is_no_key() {
    let file = load("\"sites[4000000000]\" = 1\n").map(drop);
    let variable = [("REJOINDER__SITES[4000000000]".to_owned(), "1".to_owned())];
    for result in [file, Layers::of(None, variable.into_iter()).map(drop)] {
        let error = format!("{:#}", result.expect_err("brackets"));
        assert!(error.contains("at sites[4000000000]"), "{error}");
    }
}

#[test]
fn akismet_keys_are_checked_and_never_shown() {
    let keys = |text: &str| load(text).and_then(|config| config.akismet_keys());
    assert!(!keys("[sites.a]\nakismet_keys = [\"0123456789ab\", \"cdefcdefcdef\"]").expect("good").is_empty());
    assert!(!keys("[sites.a]\nakismet_keys = \"0123456789ab\"").expect("one alone is good").is_empty());
    for (text, place) in [
        ("[sites.a]\nakismet_keys = [\"0123456789ab\", \"SECRETSECRET\"]", "sites.a.akismet_keys[1]"),
        ("[sites.a]\nakismet_keys = \"secret\"", "sites.a.akismet_keys[0]"),
        (
            "[sites.a]\nakismet_keys = [\"secretsecret\"]\n[sites.b]\nakismet_keys = [\"secretsecret\"]",
            "sites.b.akismet_keys[0]",
        ),
        ("[sites.a]\nakismet_keys = [{ secret = 1 }]", "sites.a.akismet_keys"),
    ] {
        let error = format!("{:#}", keys(text).expect_err("a bad key"));
        assert!(error.contains(place), "{error}");
        assert!(!error.to_lowercase().contains("secretsecret"), "{error}");
    }
    let config = load("[sites.a]\nakismet_keys = [\"secretsecret\"]").expect("good");
    assert!(!format!("{config:?}").contains("secretsecret"));
    let variable = ("REJOINDER__SITES__EXAMPLE__AKISMET_KEYS".to_owned(), "[\"secretsecret\"]".to_owned());
    let config = Layers::of(None, [variable].into_iter()).and_then(|layers| layers.config()).expect("good");
    assert!(!config.akismet_keys().expect("good").is_empty());
}

/// The part of the documented file that is written as a comment, since nobody should be asked by default.
#[test]
fn the_documented_external_check_is_the_codes() {
    let lines = DEFAULT.lines().skip_while(|line| *line != "# [sites.example.external_check]");
    let section = lines.take_while(|line| line.starts_with('#')).map(|line| line.trim_start_matches("# "));
    let setting =
        |line: &str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    let documented = section.filter(|line| setting(line)).collect::<Vec<_>>().join("\n");
    let least = "[sites.example.external_check]\nurl = \"https://akismet.example\"\nkey = \"0123456789ab\"\n\
                 blog = \"https://news.example/\"";
    let check = |text: &str| load(text).expect(text).sites["example"].external_check.clone().expect("a check");
    assert_eq!(format!("{:?}", check(&documented)), format!("{:?}", check(least)), "{documented}");
    assert_eq!(documented.lines().count(), 12, "every setting is documented: {documented}");
    assert!(!format!("{:?}", check(least)).contains("0123456789ab"));
    let error = format!("{:#}", load(&least.replace("https://akismet", "akismet")).expect_err("no address"));
    assert!(error.contains("sites.example.external_check: url is not"), "{error}");
}
