//! What is read from which text, and what is refused at which place.

#![allow(clippy::unwrap_used)]

use super::*;

fn parsed(text: &str, wanted: Wanted) -> Result<DatedNumbers, String> {
    DatedNumbers::parse("s.csv".into(), text, wanted).map_err(|refusal| refusal.to_string())
}

fn last(text: &str) -> Result<DatedNumbers, String> {
    parsed(text, Wanted::LastColumn)
}

fn all(text: &str) -> Result<DatedNumbers, String> {
    parsed(text, Wanted::AllColumns)
}

fn dates(texts: &[&str]) -> Option<Vec<Timestamp>> {
    Some(texts.iter().map(|text| text.parse().unwrap()).collect())
}

#[test]
fn a_column_of_numbers_has_no_dates() {
    for text in ["0.1\n-0.2\n", "return\n0.1\n-0.2", "\n0.1\r\n\n-0.2\r\n", "0,0.1\n1,-0.2\n"] {
        let numbers = last(text).unwrap();
        assert_eq!((numbers.times, &numbers.columns[0].values), (None, &vec![0.1, -0.2]), "{text:?}");
    }
}

#[test]
fn dates_are_found_by_name_or_in_the_first_column() {
    for text in [
        "2024-01-02,0.1\n2024-01-03,-0.2",
        "day,close,ret\n2024-01-02,7,0.1\n2024-01-03,8,-0.2\n",
        "\u{feff}\"Date\",\"ret\"\n\"2024-01-02\",\"0.1\"\n\"2024-01-03\",\"-0.2\"\n",
        "ret,timestamp\n0.1,2024-01-02T00:00:00Z\n-0.2,2024-01-03 00:00\n",
        "id,TIME,ret\n1,2024-01-02 00:00:00,0.1\n2,2024-01-03 00:00:00,-0.2\n",
        "date,name,ret\n2024-01-02,\"a, b\",0.1\n2024-01-03,,-0.2\n",
    ] {
        let numbers = last(text).unwrap();
        let expected = (dates(&["2024-01-02", "2024-01-03"]), &vec![0.1, -0.2]);
        assert_eq!((numbers.times, &numbers.columns[0].values), expected, "{text:?}");
    }
}

#[test]
fn a_table_is_read_with_quotes_a_mark_and_empty_lines() {
    for text in [
        "\u{feff}\"date\",\"a\", b\r\n2020-01-01,0.1,-1\r\n\r\n2020-01-02, 1e-3 ,0\r\n",
        "day,a,b\n2020-01-01,0.1,-1\n2020-01-02,1e-3,0\n",
        "a,date,b\n0.1,2020-01-01,-1\n1e-3,2020-01-02,0\n",
    ] {
        let numbers = all(text).unwrap();
        assert_eq!(numbers.times, dates(&["2020-01-01", "2020-01-02"]), "{text:?}");
        let columns: Vec<_> =
            numbers.columns.iter().map(|of| (of.name.as_str(), of.values.as_slice())).collect();
        assert_eq!(columns, [("a", &[0.1, 0.001][..]), ("b", &[-1.0, 0.0][..])], "{text:?}");
    }
    let numbered = all("date,1,2\n2020-01-01,0.1,0.2\n").unwrap();
    assert_eq!(numbered.columns[1].to_string(), "column 3 ('2')", "a name may be a number");
}

#[test]
fn newest_first_is_turned_round_and_said() {
    let numbers = last("date,ret\n2024-01-03,-0.2\n2024-01-02,0.1\n2024-01-01,0.3\n").unwrap();
    assert_eq!(numbers.columns[0].values, [0.3, 0.1, -0.2]);
    assert_eq!(numbers.lines, [4, 3, 2]);
    assert_eq!(numbers.turned().as_deref(), Some("s.csv: newest first, turned round"));
    assert_eq!(last("2024-01-01,0.1\n2024-01-02,0.2\n").unwrap().turned(), None);
    let table = all("date,a,b\n2024-01-02,1,2\n2024-01-01,3,4\n").unwrap();
    assert_eq!((&table.columns[0].values, &table.columns[1].values), (&vec![3.0, 1.0], &vec![4.0, 2.0]));
    assert!(table.is_turned);
}

/// What is wrong in a file of either kind is refused with the same words.
#[test]
fn what_is_wrong_in_a_row_is_said_with_its_place_for_both_kinds() {
    let of_both = |rows: &str, words: &str| {
        for (kind, refusal) in [("last", last(rows).unwrap_err()), ("all", all(rows).unwrap_err())] {
            assert!(refusal.starts_with(words), "{kind} {rows:?}: {refusal}");
        }
    };
    for (rows, words) in [
        (
            "2024-01-01,1\n2024-01-02,2\n2024-01-02,3\n",
            "s.csv:4: 2024-01-02 is there twice, first on line 3: keep",
        ),
        (
            "2024-01-03,1\n2024-01-02,2\n\n2024-01-02,3\n",
            "s.csv:5: 2024-01-02 is there twice, first on line 3",
        ),
        ("2024-01-01,1\n2024-01-02,2\n2024-01-01,3\n", "s.csv:4: 2024-01-01 is there twice, first on line 2"),
        (
            "2024-01-01,1\n2024-01-05,2\n2024-01-03,3\n",
            "s.csv:4: 2024-01-03 is not in order after line 3: sort",
        ),
        (
            "2024-01-01,1\n2024-13-01,2\n",
            "s.csv:3: column 1 ('date'): '2024-13-01' is not a time: write a date",
        ),
        ("Monday,1\n", "s.csv:2: column 1 ('date'): 'Monday' is not a time"),
        (",1\n", "s.csv:2: column 1 ('date'): '' is not a time"),
        ("2024-01-01,1\n2024-01-02,x\n", "s.csv:3: column 2 ('r'): 'x' is not a number: write one"),
        ("2024-01-01,1.2 %\n", "s.csv:2: column 2 ('r'): '1.2 %' is not a number"),
        ("2024-01-01,\"1,000\"\n", "s.csv:2: column 2 ('r'): '1,000' is not a number"),
        ("2024-01-01,NaN\n", "s.csv:2: column 2 ('r'): 'NaN' is not finite: give a number"),
        ("2024-01-01,inf\n", "s.csv:2: column 2 ('r'): 'inf' is not finite"),
        ("2024-01-01,\n", "s.csv:2: column 2 ('r'): the cell is empty: give a number"),
        ("2024-01-01\n", "s.csv:2: 1 cells where the first row has 2, none for column 2 ('r'): give one"),
        ("2024-01-01,1,2\n", "s.csv:2: 3 cells where the first row has 2, and column 3 is not in it"),
        ("2024-01-01,\"1\n", "s.csv:2: a quote is not closed on its line: close it"),
        ("", "s.csv: there is no number in it: give"),
    ] {
        of_both(&format!("date,r\n{rows}"), words);
    }
    of_both("", "s.csv: there is no number in it: give");
}

#[test]
fn a_series_without_a_header_names_columns_by_their_number() {
    for (text, words) in [
        ("2024-01-01,1\n2024-01-02,2\n2024-01-02,3\n", "s.csv:3: 2024-01-02 is there twice, first on line 2"),
        ("2024-01-01,x\n2024-01-02,1\n", "s.csv:1: column 2: 'x' is not a number"),
        ("yesterday,1\n2024-01-02,1\n", "s.csv:1: column 1: 'yesterday' is not a time"),
        ("2024-01-01,1\nyesterday,2\n", "s.csv:2: column 1: 'yesterday' is not a time"),
        ("0.1\ninf\n", "s.csv:2: column 1: 'inf' is not finite"),
        ("0.1\n0.2,0.3\n", "s.csv:2: 2 cells where the first row has 1"),
        ("r\n", "s.csv: there is no number in it: give a CSV with a value a line"),
    ] {
        let refusal = last(text).unwrap_err();
        assert!(refusal.starts_with(words), "{text:?}: {refusal}");
    }
}

#[test]
fn a_table_without_the_names_of_its_columns_is_refused() {
    for (text, words) in [
        ("date\n2020-01-01\n", "s.csv:1: one column"),
        ("0.1,0.2\n0.3,0.4\n", "s.csv:1: '0.1' where the header should be"),
        ("\n2020-01-01,0.2\n", "s.csv:2: '2020-01-01' where the header should be"),
        ("date,a,\n", "s.csv:1: column 3 has no name"),
        ("date,a,a\n", "s.csv:1: column 3 ('a') has the name of column 2"),
        ("a,b\n0.1,0.2\n", "s.csv:2: column 1 ('a'): '0.1' is not a time: write a date"),
        ("date,a\n", "s.csv: there is no number in it: give a header"),
    ] {
        let refusal = all(text).unwrap_err();
        assert!(refusal.starts_with(words), "{text:?}: {refusal}");
    }
}

#[test]
fn times_of_day_are_written_where_there_are_any() {
    let days = dates(&["2024-01-01", "2024-01-02"]).unwrap();
    assert_eq!(Label::of(&days).text(days[1]), "2024-01-02");
    let hours = dates(&["2024-01-01", "2024-01-01T01:00:00Z"]).unwrap();
    assert_eq!(Label::of(&hours).text(hours[0]), "2024-01-01T00:00:00Z");
}
