//! Live ticks, one record a tick: read field by field.
//!
//! At a million ticks a second the general reader's two allocations and dozen calls a field are most of the work. The two
//! records are flat, so reading them is a page; that it reads exactly what `apache-avro` reads is a property test
//! below. Only the versions named here are read so; any other goes the general way.

use gauntlet_domain::market::{Quote, Trade};
use gauntlet_domain::{Event, Price, Quantity, RecordKind, Scale, Timestamp};

use crate::codec::{WireError, malformed};

/// Numbers of the versions of Quote that are read here: without a scale, with one, and with the recorder's time behind it.
const QUOTES: [u32; 3] = numbers(RecordKind::Quote);
/// The same of Trade.
const TRADES: [u32; 3] = numbers(RecordKind::Trade);

/// What the newer versions have at their end.
#[derive(Clone, Copy)]
struct Version {
    has_scale: bool,
    has_received: bool,
}

const fn numbers(kind: RecordKind) -> [u32; 3] {
    let published = kind.published();
    [published[0].number, published[1].number, published[2].number]
}

/// The version of a number among those of a record.
#[inline]
fn version(numbers: [u32; 3], number: u32) -> Option<Version> {
    let at = numbers.iter().position(|other| *other == number)?;
    Some(Version { has_scale: at >= 1, has_received: at >= 2 })
}

/// The event in the body of a live tick; `None` for any other version.
#[inline]
pub(crate) fn decode(number: u32, body: &[u8]) -> Option<Result<Event, WireError>> {
    if let Some(version) = version(QUOTES, number) {
        return Some(whole(RecordKind::Quote, body, |fields| quote(fields, version)));
    }
    let version = version(TRADES, number)?;
    Some(whole(RecordKind::Trade, body, |fields| trade(fields, version)))
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
fn quote(fields: &mut Fields<'_>, version: Version) -> Result<Quote, &'static str> {
    Ok(Quote {
        instrument: fields.string()?,
        source: fields.string()?,
        sequence: fields.long()?,
        time: Timestamp(fields.long()?),
        bid: Price(fields.long()?),
        ask: Price(fields.long()?),
        bid_size: fields.optional(Fields::long)?.map(Quantity),
        ask_size: fields.optional(Fields::long)?.map(Quantity),
        scale: fields.scale(version)?,
        received: fields.received(version)?,
    })
}

#[inline]
fn trade(fields: &mut Fields<'_>, version: Version) -> Result<Trade, &'static str> {
    Ok(Trade {
        instrument: fields.string()?,
        source: fields.string()?,
        sequence: fields.long()?,
        time: Timestamp(fields.long()?),
        price: Price(fields.long()?),
        size: Quantity(fields.long()?),
        side: fields.optional(Fields::string)?,
        scale: fields.scale(version)?,
        received: fields.received(version)?,
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
    fn scale(&mut self, version: Version) -> Result<Scale, &'static str> {
        if !version.has_scale {
            return Ok(Scale::USUAL);
        }
        let mut exponent = || i32::try_from(self.long()?).map_err(|_| "an exponent has more than 32 bits");
        Scale::new(exponent()?, exponent()?).map_err(|_| "a scale is not known")
    }

    /// The recorder's time, where the version has one.
    #[inline]
    fn received(&mut self, version: Version) -> Result<Option<Timestamp>, &'static str> {
        if version.has_received { Ok(self.optional(Fields::long)?.map(Timestamp)) } else { Ok(None) }
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

    fn quotes() -> impl Strategy<Value = Event> {
        let sizes = (any::<Option<i64>>(), any::<Option<i64>>(), any::<Option<i64>>());
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
                    received: sizes.2.map(Timestamp),
                }
                .into()
            },
        )
    }

    fn trades() -> impl Strategy<Value = Event> {
        let numbers = (any::<i64>(), any::<i64>(), any::<i64>(), any::<i64>());
        (".{0,20}", ".{0,70}", numbers, any::<Option<String>>(), any::<Option<i64>>()).prop_map(
            |(instrument, source, (sequence, time, price, size), side, received)| {
                Trade {
                    instrument,
                    source,
                    sequence,
                    time: Timestamp(time),
                    price: Price(price),
                    size: Quantity(size),
                    side,
                    scale: Scale { size_exponent: -(sequence.rem_euclid(19) as i32), ..Scale::USUAL },
                    received: received.map(Timestamp),
                }
                .into()
            },
        )
    }

    fn body(event: &Event) -> Vec<u8> {
        Codec::default().encode(event).unwrap()[HEADER_LEN..].to_vec()
    }

    /// Both readers, with the schema of each version: the same event, or neither has one. Gives the events by version.
    fn assert_agree(kind: RecordKind, body: &[u8]) -> Result<Vec<Option<Event>>, TestCaseError> {
        let mut events = Vec::new();
        for version in kind.published() {
            let flat = decode(version.number, body).expect("every version is read here");
            let general = decode_generally(kind, version.number, body);
            prop_assert_eq!(flat.is_ok(), general.is_ok(), "{:?} and {:?}", &flat, &general);
            if let (Ok(flat), Ok(general)) = (&flat, general) {
                prop_assert_eq!(flat, &general);
            }
            events.push(flat.ok());
        }
        Ok(events)
    }

    /// The bodies of an event by version: each is the beginning of the next.
    fn bodies(event: &Event) -> Vec<Vec<u8>> {
        let (scale, received) = match event {
            Event::Quote(quote) => (quote.scale, quote.received),
            Event::Trade(trade) => (trade.scale, trade.received),
            other => panic!("{other:?} is no live tick"),
        };
        let width = |value: i64| {
            let bits = ((value << 1) ^ (value >> 63)) as u64;
            (1..10).find(|bytes| bits >> (7 * bytes) == 0).unwrap_or(10)
        };
        let newest = body(event);
        let second = newest.len() - 1 - received.map_or(0, |time| width(time.0));
        let exponents = [scale.price_exponent, scale.size_exponent];
        let first = second - exponents.map(|exponent| width(exponent.into())).iter().sum::<usize>();
        vec![newest[..first].to_vec(), newest[..second].to_vec(), newest]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_live_tick_is_read_as_the_library_reads_it(event in prop_oneof![quotes(), trades()]) {
            for (at, body) in bodies(&event).iter().enumerate() {
                let mut event = event.clone();
                if let Event::Quote(Quote { scale, received, .. }) | Event::Trade(Trade { scale, received, .. }) = &mut event {
                    (*scale, *received) =
                        (if at >= 1 { *scale } else { Scale::USUAL }, received.filter(|_| at >= 2));
                }
                let read = assert_agree(event.kind(), body)?;
                prop_assert_eq!(read[at].as_ref(), Some(&event));
            }
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
                received: None,
            }
            .into(),
        );
        let trailing = [&quote[..], b"!!"].concat();
        assert_eq!(
            decode(QUOTES[2], &trailing),
            Some(Err(WireError::TrailingBytes { record: "Quote", extra: 2 }))
        );
        assert_eq!(decode(QUOTES[2] + 1_000, &quote), None);
    }
}
