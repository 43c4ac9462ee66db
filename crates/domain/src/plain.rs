//! What a record says as plain values, for those who know neither its type nor how it is written: columns of files, queries.

/// What a value is. Any value may be absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Long,
    /// A floating-point number of 64 bits.
    Double,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// Nanoseconds since the Unix epoch, UTC.
    Time,
    /// Values of one shape.
    List(Box<Shape>),
    /// Values by name.
    Record(Vec<(String, Shape)>),
}

impl Shape {
    /// A record of these fields.
    pub fn record<const N: usize>(fields: [(&str, Shape); N]) -> Shape {
        Shape::Record(fields.into_iter().map(|(name, shape)| (name.to_owned(), shape)).collect())
    }

    /// A list of these values.
    pub fn list(of: Shape) -> Shape {
        Shape::List(Box::new(of))
    }
}

/// A value of a [`Shape`].
#[derive(Debug, Clone, PartialEq)]
pub enum Plain {
    /// No value.
    Absent,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// A floating-point number.
    Double(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Nanoseconds since the Unix epoch, UTC.
    Time(i64),
    /// Values of one shape.
    List(Vec<Plain>),
    /// The fields of a record, in the order of its shape.
    Record(Vec<Plain>),
}

impl From<&str> for Plain {
    fn from(text: &str) -> Plain {
        Plain::Text(text.to_owned())
    }
}

impl<T: Into<Plain>> From<Option<T>> for Plain {
    fn from(value: Option<T>) -> Plain {
        value.map_or(Plain::Absent, Into::into)
    }
}

impl From<i64> for Plain {
    fn from(number: i64) -> Plain {
        Plain::Long(number)
    }
}

impl From<f64> for Plain {
    fn from(number: f64) -> Plain {
        Plain::Double(number)
    }
}
