//! Plain values, read by the schemas alone, say what the types of the records say.

use gauntlet_domain::RecordKind;
use gauntlet_domain::plain::{Plain, Shape};
use gauntlet_domain::record::{Body, BodyVisitor};
use gauntlet_wire::{Codec, shape};
use serde_json::Value as Json;

use crate::samples::sample;

/// A body by its type.
struct AsJson;

impl BodyVisitor for AsJson {
    type Output = Json;

    fn visit<B: Body>(self, body: &B) -> Json {
        serde_json::to_value(body).unwrap()
    }
}

/// Compares a value with what the type of its record says; gives how many numbers, texts and times were compared.
fn compare(at: &str, shape: &Shape, plain: &Plain, json: &Json) -> usize {
    match (shape, plain, json) {
        (_, Plain::Absent, Json::Null) => 1,
        (Shape::Record(fields), Plain::Record(values), Json::Object(map)) => {
            assert_eq!(fields.len(), values.len(), "{at}");
            let fields = fields.iter().zip(values);
            fields
                .map(|((name, shape), value)| {
                    let json = map.get(name).unwrap_or_else(|| panic!("{at} has no {name}: {json}"));
                    compare(&format!("{at}.{name}"), shape, value, json)
                })
                .sum()
        }
        (Shape::List(of), Plain::List(values), Json::Array(items)) => {
            assert_eq!(values.len(), items.len(), "{at}");
            values.iter().zip(items).map(|(value, item)| compare(at, of, value, item)).sum()
        }
        // A map.
        (Shape::List(of), Plain::List(values), Json::Object(map)) => {
            let Shape::Record(fields) = &**of else { panic!("{at}: {of:?}") };
            assert_eq!(values.len(), map.len(), "{at}");
            let entries = values.iter().map(|entry| {
                let Plain::Record(entry) = entry else { panic!("{at}: {entry:?}") };
                let Plain::Text(name) = &entry[0] else { panic!("{at}: {entry:?}") };
                compare(&format!("{at}[{name}]"), &fields[1].1, &entry[1], &map[name])
            });
            entries.sum()
        }
        // JSON has no infinity.
        (Shape::Double, Plain::Double(value), Json::Null) if !value.is_finite() => 1,
        (Shape::Bool, Plain::Bool(value), Json::Bool(json)) if value == json => 1,
        (Shape::Long, Plain::Long(value), _) | (Shape::Time, Plain::Time(value), _)
            if json.as_i64() == Some(*value) =>
        {
            1
        }
        (Shape::Double, Plain::Double(value), _) if json.as_f64() == Some(*value) => 1,
        (Shape::Text, Plain::Text(value), Json::String(json)) if value == json => 1,
        // One of several types.
        (Shape::Text, Plain::Text(value), Json::Number(json)) => {
            assert_eq!(value.parse::<f64>().ok(), json.as_f64(), "{at}");
            1
        }
        (Shape::Text, Plain::Text(value), Json::Bool(json)) if *value == json.to_string() => 1,
        (Shape::Bytes, Plain::Bytes(value), Json::Array(json)) => {
            assert_eq!(value.len(), json.len(), "{at}");
            1
        }
        _ => panic!("{at}: {plain:?} of {shape:?} is not {json}"),
    }
}

#[test]
fn a_plain_record_says_what_its_type_says() {
    let codec = Codec::default();
    let mut compared = 0;
    for kind in RecordKind::ALL {
        let event = sample(*kind);
        let frame = codec.encode(&event).unwrap();
        let (found, plain) = codec.plain(Some(&frame)).unwrap();
        assert_eq!(found, *kind);
        compared += compare(kind.name(), shape(*kind), &plain, &event.visit(AsJson));
    }
    eprintln!("{compared} values compared");
    assert!(compared > 500, "{compared}");
    assert!(codec.plain(Some(&[0, 0, 0, 0, 24, 1])).is_err());
}
