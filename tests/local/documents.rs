//! The reference pages of `docs/` that are made from the code. `WRITE_DOCS=1` writes them; without it they are compared.

use std::fmt::Write;

use gauntlet_domain::RecordKind;
use gauntlet_domain::topics::{self, Partitioning, Retention};
use gauntlet_feed::guide;
use gauntlet_quant::metrics::DEFINITIONS;
use gauntlet_runtime::metrics::METRICS;
use gauntlet_tests::{Json, gauntlet, repository};
use gauntlet_views::schema::{Column, Kind, tables};

/// The one list of processors, which is the binary's.
#[path = "../../crates/gauntlet/src/processors.rs"]
pub(crate) mod processors;

/// Compares a page with what the code gives, or writes it.
fn page(name: &str, title: &str, text: &str) {
    let path = repository().join("docs").join(name);
    let wanted = format!(
        "# {title}\n\n<!-- Made from the code: `WRITE_DOCS=1 cargo test -p gauntlet-tests documents` writes it again. -->\n\n{text}"
    );
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, wanted).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
    assert!(
        found == wanted,
        "docs/{name} is not what the code says ({difference:?}): write it with WRITE_DOCS=1"
    );
}

/// Compares a part of README with what the code gives, or writes it. The part lies between two comments.
fn part_of_readme(name: &str, text: &str) {
    let path = repository().join("README.md");
    let found = std::fs::read_to_string(&path).unwrap();
    let (begin, end) =
        (format!("<!-- {name}: made from the code, as docs/ is -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = found.split_once(&begin).expect("README has the beginning of the part");
    let (_, after) = rest.split_once(&end).expect("README has the end of the part");
    let wanted = format!("{before}{begin}\n{text}\n{end}{after}");
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, wanted).unwrap();
        return;
    }
    assert!(
        found == wanted,
        "the part {name} of README is not what the code says: write it with WRITE_DOCS=1"
    );
}

/// A table of Markdown. Cells may hold `|`.
fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line =
        |cells: [String; N]| format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    let mut text = line(head.map(str::to_owned));
    text.push_str(&format!("|{}\n", "---|".repeat(N)));
    let before = text.len();
    rows.into_iter().for_each(|row| text.push_str(&line(row)));
    assert!(text.len() > before, "a table without rows");
    text
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

#[test]
fn the_page_of_tables_is_what_the_views_declare() {
    let mut text = String::from(
        "The views, in the embedded store and in CQL. They can be dropped and made again from the log. A row is written by last write \
         wins, cell by cell, under a stamp that comes from the event. Times are nanoseconds since 1970, UTC; a document in a cell is \
         JSON, with null for what is undefined. Columns marked *observed* come from a wall clock: they are shown and are in no digest. `origin` says where the event of a row \
         lies, as the bits of a number, all of them turned: 10 for the number of its record, which says on which topic it is, 12 for the \
         partition, and the offset. Lists do not show it. A view whose rows several events make has a table of what each of them wrote \
         instead, which is in no digest.\n",
    );
    let name_of = |column: &Column| {
        let kind = match column.kind {
            Kind::Text => "text",
            Kind::Long => "long",
            Kind::Double => "double",
            Kind::Bool => "boolean",
            Kind::Timestamp => "time",
        };
        let marks = [(column.observation, ", observed"), (column.descending, ", descending")];
        let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        format!("{} ({kind}{marks})", code(column.name))
    };
    let list = |columns: &[Column]| columns.iter().map(name_of).collect::<Vec<_>>().join(", ");
    for table in tables() {
        write!(
            text,
            "\n## {}\n\n{}.\n\n- partition key: {}\n",
            table.name,
            table.doc,
            list(table.partition_key)
        )
        .unwrap();
        let stored: Vec<Column> = table.stored().copied().collect();
        for (what, columns) in [("clustering columns", table.clustering), ("columns", &stored)] {
            if !columns.is_empty() {
                writeln!(text, "- {what}: {}", list(columns)).unwrap();
            }
        }
    }
    page("tables.md", "Tables", &text);
}

#[test]
fn the_page_of_files_is_what_feed_reads() {
    let mut text = String::from(
        "What `gauntlet feed` reads, which `gauntlet feed --help` says as well. [market-data.md](market-data.md) says how what a file \
         leaves open is decided, or asked for; `feed --dry-run` shows what a file is understood as, and publishes nothing.\n\n\
         ## Formats\n\nA file is recognised by its first lines, or named with `--format`. Text may be packed by gzip, zstd, xz \
         or bzip2, or be the only file of a zip.\n\n",
    );
    let formats = guide::formats().map(|(format, shape, example)| {
        let lines: Vec<String> = example.iter().map(|line| code(line)).collect();
        [code(format.name()), shape.to_owned(), lines.join("<br>")]
    });
    text += &table(["format", "a row is", "such as"], formats);
    text += "\n## Columns\n\nOf `csv`, `bars-csv` and `parquet`: found by these names, or named with `--column`. Names are compared by letters and digits alone, so `Bid Price`, `bid_price` and `bidPrice` are \
             one.\n\n";
    text += &table(
        ["`--column`", "found without it"],
        guide::columns().into_iter().map(|column| {
            let names: Vec<String> = column.names.into_iter().map(code).collect();
            let of = column.of.map_or_else(String::new, |of| format!(" of {of}"));
            [code(column.role) + &of, names.join(" ")]
        }),
    );
    text += "\n## Times\n\n";
    text += &table(
        ["such as", "what it is"],
        guide::TIMES.map(|(example, what)| [code(example), what.to_owned()]),
    );
    text += "\n";
    guide::CLOCKS.iter().for_each(|rule| text += &format!("- {rule}\n"));
    page("files.md", "Files of ticks and bars", &text);
}

#[test]
fn the_page_of_metrics_is_what_the_metrics_declare() {
    let rows = DEFINITIONS.iter().map(|metric| {
        [code(metric.name), metric.unit.to_string(), metric.direction.to_string(), metric.summary.to_owned()]
    });
    let text = format!(
        "Names that `tuning.objective`, `gauntlet metrics` and the views use. The file of the same name in \
         `crates/quant/src/metrics` has the formula, the undefined case and the source at its head. An undefined metric is `null`, \
         never a number; one whose direction is neutral cannot be ranked by.\n\n{}",
        table(["name", "unit", "direction", "what it is"], rows)
    );
    page("metrics.md", "Performance metrics", &text);
}

#[test]
fn the_page_of_telemetry_is_what_the_runtime_declares() {
    let rows = METRICS.iter().map(|metric| {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        [code(metric.name), kind, metric.labels.join(", "), metric.meaning.to_owned()]
    });
    let text = format!(
        "What `GET /metrics` of a serving process says, in Prometheus's text format. Histograms have buckets from 1 ms to 60 s.\n\n{}",
        table(["metric", "kind", "labels", "what"], rows)
    );
    page("telemetry.md", "Telemetry", &text);
}

fn schema(name: &str) -> Json {
    let text = std::fs::read_to_string(repository().join("configs").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Rows of every key below `node`: key, default, bounds, meaning.
fn keys(root: &Json, node: &Json, prefix: &str, rows: &mut Vec<[String; 4]>) {
    for (name, property) in node["properties"].as_object().unwrap() {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let target = property["$ref"].as_str().and_then(|at| root.pointer(at.trim_start_matches('#')));
        let resolved = target.unwrap_or(property);
        if resolved["properties"].is_object() {
            keys(root, resolved, &key, rows);
            continue;
        }
        let text = |of: &Json| match of {
            Json::Null => String::new(),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        let choices = resolved["enum"].as_array().or_else(|| resolved["oneOf"].as_array());
        let bounds = match (choices, &resolved["minimum"], &resolved["maximum"]) {
            (Some(choices), ..) => {
                let word = |choice: &Json| text(if choice.is_object() { &choice["const"] } else { choice });
                choices.iter().map(word).collect::<Vec<_>>().join(", ")
            }
            (None, Json::Null, Json::Null) => String::new(),
            (None, low, high) => format!("{} … {}", text(low), text(high)),
        };
        let default = text(&property["default"]);
        let default = if default.is_empty() { String::new() } else { code(&default) };
        let meaning = text(if property["description"].is_null() {
            &resolved["description"]
        } else {
            &property["description"]
        });
        rows.push([code(&key), default, bounds, meaning]);
    }
}

#[test]
fn the_page_of_configuration_is_what_the_types_say() {
    let head = ["key", "default", "bounds", "meaning"];
    let mut text = String::from(
        "Layers, later over earlier: defaults, `configs/base.yaml`, the profile's file (both built in), your file (`--config`, \
         `GAUNTLET_CONFIG`, or `gauntlet.yaml` in the working directory), environment (`GAUNTLET_RUNTIME__BATCH_RECORDS=500`), command \
         line. An unknown key is refused with the nearest known one, in every layer. No key changes a result. `gauntlet config explain` \
         says where each value came from.\n\n",
    );
    let config = schema("config.schema.json");
    let mut rows = Vec::new();
    keys(&config, &config, "", &mut rows);
    assert!(rows.len() > 30, "{} keys", rows.len());
    text.push_str(&table(head, rows));
    text.push_str(
        "\n## The experiment document\n\nUnknown keys are refused. Defaults are filled in, and the resolved document as JSON is what is \
         hashed: a default that is spelled out is the same experiment. `gauntlet config schema --experiment` prints the schema.\n\n",
    );
    let experiment = schema("experiment.schema.json");
    let mut rows = Vec::new();
    keys(&experiment, &experiment, "", &mut rows);
    assert!(rows.len() > 30, "{} keys", rows.len());
    text.push_str(&table(["key", "default", "bounds", "meaning"], rows));
    page("configuration.md", "Configuration", &text);
}

#[test]
fn the_page_of_topics_is_what_the_tables_and_the_processors_declare() {
    let topology = processors::processors().topology();
    assert_eq!(topology.problems(), Vec::<String>::new());
    let rows = topics::ALL.iter().map(|topic| {
        let records: Vec<&str> = topic.records().map(|kind| kind.name()).collect();
        let partitions = match topic.partitioning {
            Partitioning::ByKey => "by key",
            Partitioning::Single => "one",
        };
        let retention = match topic.retention {
            Retention::Forever => "for ever".to_owned(),
            Retention::Compacted => "newest of each key".to_owned(),
            Retention::Days(days) => format!("{days} days"),
        };
        let readers: Vec<&str> = topology.readers_of(topic).collect();
        let lookers = topology.processors().iter().filter(|access| access.looks_up.contains(&topic));
        let lookers: Vec<&str> = lookers.map(|access| access.name).collect();
        [
            code(topic.name),
            topic.key.to_owned(),
            records.join(", "),
            topology.writer_of(topic).unwrap_or_default().to_owned(),
            readers.join(", "),
            lookers.join(", "),
            partitions.to_owned(),
            retention,
        ]
    });
    let head = ["topic", "key", "records", "writer", "readers", "looked up by", "partitions", "kept"];
    let text = format!(
        "Order holds within a partition, so among all records with one key. Topics cut by key have `topics.partitions` partitions (4); \
         the partition is murmur2 of the key, as Kafka's clients choose it. `feed` and `gateway` are what comes from outside: replay \
         takes it as given and makes everything else again. Each topic has a topic of dead letters beside it, `TOPIC.dlq`, and topics of \
         requests one of those that wait for data that cannot be read, `TOPIC.parked`. For a \
         strategy `external:NAME` the writers `trainer` and `evaluator` are `trainer.NAME` and `evaluator.NAME`.\n\n{}",
        table(head, rows)
    );
    page("topics.md", "Topics", &text);
}

/// The type of a field of an Avro schema, for people.
fn avro_type(of: &Json) -> String {
    match of {
        Json::String(name) => name.clone(),
        Json::Array(choices) => {
            let choices: Vec<String> = choices.iter().map(avro_type).collect();
            choices.join(" or ")
        }
        _ => match (of["logicalType"].as_str(), of["type"].as_str()) {
            (Some(logical), _) => logical.to_owned(),
            (None, Some("array")) => format!("list of {}", avro_type(&of["items"])),
            (None, Some("map")) => format!("map of {}", avro_type(&of["values"])),
            (None, Some("record" | "enum")) => of["name"].as_str().unwrap_or_default().to_owned(),
            (None, _) => avro_type(&of["type"]),
        },
    }
}

#[test]
fn the_page_of_records_is_what_the_schemas_say() {
    let mut text = String::from(
        "A frame is Confluent's: `0x00`, the schema's number as four bytes big-endian, the Avro body. Numbers are the same on every machine \
         and never used again; a Confluent-compatible registry gives its own. Every version that was ever published stays readable. Prices \
         and quantities are 64-bit integers in units of the `scale` beside them: 10^-9 and 10^-8 where there is none, so always on topics of \
         version 1. Times are nanoseconds since 1970 in UTC; an undefined number is \
         null. The event's id is a UUIDv5 of what the event is about (`crates/domain/src/record.rs`).\n",
    );
    for kind in RecordKind::ALL {
        let published = kind.published();
        let newest = published.last().unwrap();
        let schema: Json = serde_json::from_str(newest.schema).unwrap();
        let numbers: Vec<String> = published
            .iter()
            .map(|version| format!("{} (version {})", version.number, version.version))
            .collect();
        let doc = schema["doc"].as_str().unwrap_or_default();
        let topics: Vec<String> = kind.topics().iter().map(|topic| code(topic.name)).collect();
        let topics = match &topics[..] {
            [first, second] => format!("{first}, with another scale than the usual one {second}"),
            _ => topics.concat(),
        };
        write!(text, "\n## {}\n\n{doc}. Topic {topics}; schema {}.\n\n", kind.name(), numbers.join(", "))
            .unwrap();
        let fields = schema["fields"].as_array().unwrap();
        let rows = fields.iter().map(|field| {
            let text = |name: &str| field[name].as_str().unwrap_or_default().to_owned();
            [code(&text("name")), avro_type(&field["type"]), text("doc")]
        });
        text.push_str(&table(["field", "type", "what"], rows));
    }
    page("records.md", "Records", &text);
}

#[test]
fn the_rules_in_the_readme_are_what_the_strategies_declare() {
    let rules = gauntlet(["strategies", "--json"]).ok();
    let rules = rules.as_array().unwrap();
    let text_of = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    let is_of_stop = |parameter: &&Json| {
        let name = parameter["name"].as_str().unwrap();
        rules
            .iter()
            .all(|rule| rule["parameters"].as_array().unwrap().iter().any(|other| other["name"] == name))
    };
    let written = |parameter: &Json| {
        let [name, about] = ["name", "about"].map(|field| parameter[field].as_str().unwrap());
        let bounds = parameter["bounds"].as_array().unwrap().iter().map(text_of).collect::<Vec<_>>();
        let (default, bounds) = (text_of(&parameter["default"]), bounds);
        let bounds = if parameter["kind"] == "choice" { bounds.join(" or ") } else { bounds.join(" to ") };
        format!("`{name}` {default} ({bounds}): {about}")
    };
    let row = |rule: &Json| {
        let own = rule["parameters"].as_array().unwrap().iter().filter(|parameter| !is_of_stop(parameter));
        [
            code(rule["name"].as_str().unwrap()),
            rule["rule"].as_str().unwrap().to_owned(),
            own.map(written).collect::<Vec<_>>().join("; "),
            rule["warm_up"].to_string(),
        ]
    };
    let mut text = table(
        ["rule", "what it holds", "parameters: default (bounds)", "warm-up with defaults, bars"],
        rules.iter().map(row),
    );
    text.push_str("\nEvery rule, and a learned model, also takes:\n\n");
    let stop = rules[0]["parameters"].as_array().unwrap().iter().filter(is_of_stop);
    stop.for_each(|parameter| text.push_str(&format!("- {}\n", written(parameter))));
    part_of_readme("rules", &text);
}
