//! Live ticks, one record a tick: read field by field.
//!
//! At a million ticks a second the general reader's two allocations and dozen calls a field are most of the work. The two
//! records are flat, so reading them is a page; that it reads exactly what `apache-avro` reads is a property test
//! below. Only the versions named here are read so; any other goes the general way.

use gauntlet_domain::market::{Quote, Trade};
use gauntlet_domain::{Event, Price, Quantity, RecordKind, Scale, Timestamp};

use crate::codec::{WireError, malformed};

/// Numbers of the versions of Quote that are read here: without and with a scale.
const QUOTES: [u32; 2] = numbers(RecordKind::Quote);
/// The same of Trade.
const TRADES: [u32; 2] = numbers(RecordKind::Trade);

const fn numbers(kind: RecordKind) -> [u32; 2] {
    let published = kind.published();
    [published[0].number, published[1].number]
}

/// The event in the body of a live tick; `None` for any other version.
#[inline]
pub(crate) fn decode(number: u32, body: &[u8]) -> Option<Result<Event, WireError>> {
    if let Some(version) = QUOTES.iter().position(|quote| *quote == number) {
        return Some(whole(RecordKind::Quote, body, |fields| quote(fields, version > 0)));
    }
    let version = TRADES.iter().position(|trade| *trade == number)?;
    Some(whole(RecordKind::Trade, body, |fields| trade(fields, version > 0)))
}

/// The event that is the whole of a body.
#[inline]
fn whole<T: Into<Event>>(
    kind: RecordKind,
    body: &[u8],
    read: impl FnOnce(&mut Fields<'_>) -> Result<T, &'static str>,
) -> Result<Event, WireError> {
    let mut fields = Fields { rest: body };
    match read(&mut fields) {
        Err(detail) => Err(malformed(kind, detail)),
        Ok(_) if !fields.rest.is_empty() => {
            Err(WireError::TrailingBytes { record: kind.name(), extra: fields.rest.len() })
        }
        Ok(event) => Ok(event.into()),
    }
}

#[inline]
fn quote(fields: &mut Fields<'_>, has_scale: bool) -> Result<Quote, &'static str> {
    Ok(Quote {
        instrument: fields.string()?,
        source: fields.string()?,
        sequence: fields.long()?,
        time: Timestamp(fields.long()?),
        bid: Price(fields.long()?),
        ask: Price(fields.long()?),
        bid_size: fields.optional(Fields::long)?.map(Quantity),
        ask_size: fields.optional(Fields::long)?.map(Quantity),
        scale: fields.scale(has_scale)?,
    })
}

#[inline]
fn trade(fields: &mut Fields<'_>, has_scale: bool) -> Result<Trade, &'static str> {
    Ok(Trade {
        instrument: fields.string()?,
        source: fields.string()?,
        sequence: fields.long()?,
        time: Timestamp(fields.long()?),
        price: Price(fields.long()?),
        size: Quantity(fields.long()?),
        side: fields.optional(Fields::string)?,
        scale: fields.scale(has_scale)?,
    })
}

/// What is left of a body. The encoding is that of the Avro specification, "binary encoding".
struct Fields<'a> {
    rest: &'a [u8],
}

impl Fields<'_> {
    /// A variable-length zig-zag integer of at most 64 bits.
    #[inline]
    fn long(&mut self) -> Result<i64, &'static str> {
        let (mut bits, mut len) = (0_u64, 0);
        for byte in self.rest.iter().take(10) {
            bits |= u64::from(byte & 0x7f) << (7 * len);
            len += 1;
            if byte & 0x80 == 0 {
                self.rest = &self.rest[len..];
                return Ok((bits >> 1) as i64 ^ -((bits & 1) as i64));
            }
        }
        Err(if len < 10 { "the body ends inside a number" } else { "a number has more than 64 bits" })
    }

    /// Two exponents, where the version has them.
    #[inline]
    fn scale(&mut self, has_scale: bool) -> Result<Scale, &'static str> {
        if !has_scale {
            return Ok(Scale::USUAL);
        }
        let mut exponent = || i32::try_from(self.long()?).map_err(|_| "an exponent has more than 32 bits");
        Scale::new(exponent()?, exponent()?).map_err(|_| "a scale is not known")
    }

    /// UTF-8 behind its length in bytes.
    #[inline]
    fn string(&mut self) -> Result<String, &'static str> {
        let len = usize::try_from(self.long()?).map_err(|_| "a text has a negative length")?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or("the body ends inside a text")?;
        self.rest = rest;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "a text is not UTF-8")
    }

    /// A union of null and something, in this order.
    #[inline]
    fn optional<T>(
        &mut self,
        read: impl Fn(&mut Self) -> Result<T, &'static str>,
    ) -> Result<Option<T>, &'static str> {
        match self.long()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err("a union has no such branch"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Codec;
    use crate::codec::{HEADER_LEN, decode_generally};
    use crate::registry::newest;

    fn quotes() -> impl Strategy<Value = Event> {
        let sizes = (any::<Option<i64>>(), any::<Option<i64>>());
        let numbers = (any::<i64>(), any::<i64>(), any::<i64>(), any::<i64>());
        (".{0,20}", ".{0,70}", numbers, sizes).prop_map(
            |(instrument, source, (sequence, time, bid, ask), sizes)| {
                Quote {
                    instrument,
                    source,
                    sequence,
                    time: Timestamp(time),
                    bid: Price(bid),
                    ask: Price(ask),
                    bid_size: sizes.0.map(Quantity),
                    ask_size: sizes.1.map(Quantity),
                    scale: Scale { price_exponent: -(sequence.rem_euclid(19) as i32), ..Scale::USUAL },
                }
                .into()
            },
        )
    }

    fn trades() -> impl Strategy<Value = Event> {
        let numbers = (any::<i64>(), any::<i64>(), any::<i64>(), any::<i64>());
        (".{0,20}", ".{0,70}", numbers, any::<Option<String>>()).prop_map(
            |(instrument, source, (sequence, time, price, size), side)| {
                Trade {
                    instrument,
                    source,
                    sequence,
                    time: Timestamp(time),
                    price: Price(price),
                    size: Quantity(size),
                    side,
                    scale: Scale { size_exponent: -(sequence.rem_euclid(19) as i32), ..Scale::USUAL },
                }
                .into()
            },
        )
    }

    fn body(event: &Event) -> Vec<u8> {
        Codec::default().encode(event).unwrap()[HEADER_LEN..].to_vec()
    }

    /// Both readers: the same event, or neither has one.
    fn assert_agree(kind: RecordKind, body: &[u8]) -> Result<(), TestCaseError> {
        let number = newest(kind).unwrap().id;
        let flat = decode(number, body).expect("the newest version is read here");
        let general = decode_generally(kind, number, body);
        prop_assert_eq!(flat.is_ok(), general.is_ok(), "{:?} and {:?}", &flat, &general);
        if let (Ok(flat), Ok(general)) = (flat, general) {
            prop_assert_eq!(flat, general);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_live_tick_is_read_as_the_library_reads_it(event in prop_oneof![quotes(), trades()]) {
            let body = body(&event);
            let number = newest(event.kind()).unwrap().id;
            prop_assert_eq!(decode(number, &body).unwrap().unwrap(), event.clone());
            assert_agree(event.kind(), &body)?;
        }

        #[test]
        fn a_damaged_one_is_refused_when_the_library_refuses_it(
            event in prop_oneof![quotes(), trades()],
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            is_cut in any::<bool>(),
        ) {
            let mut body = body(&event);
            let at = at.index(body.len());
            if is_cut { body.truncate(at) } else { body[at] = byte }
            assert_agree(event.kind(), &body)?;
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |body: &[u8]| decode(QUOTES[0], body).unwrap().unwrap_err().to_string();
        assert_eq!(wrong(b""), "body is not a Quote: the body ends inside a number");
        assert_eq!(wrong(b"\x08ab"), "body is not a Quote: the body ends inside a text");
        assert_eq!(wrong(b"\x02\xff"), "body is not a Quote: a text is not UTF-8");
        assert_eq!(wrong(&[0xff; 11]), "body is not a Quote: a number has more than 64 bits");
        let quote = body(
            &Quote {
                instrument: "A.B".into(),
                source: String::new(),
                sequence: 1,
                time: Timestamp(0),
                bid: Price(1),
                ask: Price(2),
                bid_size: None,
                ask_size: None,
                scale: Scale::USUAL,
            }
            .into(),
        );
        let trailing = [&quote[..], b"!!"].concat();
        assert_eq!(
            decode(QUOTES[1], &trailing),
            Some(Err(WireError::TrailingBytes { record: "Quote", extra: 2 }))
        );
        assert_eq!(decode(QUOTES[1] + 1_000, &quote), None);
    }
}
