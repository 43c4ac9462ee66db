//! The contract suite of the log port, against a real broker.

use gauntlet_kafka_log::{KafkaLog, KafkaSettings};
use gauntlet_log::contract::CHECKS;
use gauntlet_servers::shared;

fn log(prefix: &str) -> KafkaLog {
    let mut settings = KafkaSettings::new(shared::kafka().bootstrap(), format!("{prefix}."));
    // As short as the broker allows, so that a member that left is missed soon.
    settings.properties.insert("session.timeout.ms".into(), "6000".into());
    KafkaLog::connect(settings, 1).unwrap()
}

#[test]
fn the_log_on_kafka_keeps_the_contract() {
    for (name, check) in CHECKS {
        let began = std::time::Instant::now();
        check(&log(name));
        eprintln!("{name} {:.1?}", began.elapsed());
    }
}
