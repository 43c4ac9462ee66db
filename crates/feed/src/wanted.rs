//! Which rows of a file of several symbols or markets are wanted.

use crate::bar_rows::TextTable;
use crate::error::FeedError;
use crate::format::Options;

/// Others that a message names.
const NAMED: usize = 8;

/// Which rows are wanted, and which others there were.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    symbol: String,
    /// The symbol is a value of the file, and compared as it is but for the case of its letters.
    is_value: bool,
    /// Name of the column of symbols, where the file has one.
    pub column: Option<String>,
    market: Option<String>,
    /// The symbol as it is compared.
    key: Vec<u8>,
    /// Market of the rows that matched so far, where none is wanted.
    seen_market: Option<Vec<u8>>,
    matched: bool,
    others: Vec<String>,
    /// The first other symbol.
    other: Option<String>,
}

impl Wanted {
    pub fn new(options: &Options) -> Wanted {
        let only = options.reading.only.as_ref().map(|(_, value)| value.clone());
        let is_value = only.is_some();
        let symbol = only.or_else(|| options.symbol.clone());
        let symbol = symbol.unwrap_or_else(|| options.instrument.symbol().to_owned());
        Wanted {
            is_value,
            column: None,
            other: None,
            key: symbol_key(symbol.as_bytes()).collect(),
            market: options.market.clone().or_else(|| Wanted::market_of(options)),
            symbol,
            seen_market: None,
            matched: false,
            others: Vec::new(),
        }
    }

    /// The market that the venue's name says.
    pub fn market_of(options: &Options) -> Option<String> {
        let venue = options.instrument.venue();
        venue.rsplit_once(['_', '-']).map(|(_, market)| market.to_ascii_lowercase())
    }

    /// The symbol as asked for.
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// True when a row or column of this symbol is wanted; case and punctuation don't matter.
    pub fn is_symbol(&self, symbol: &[u8]) -> bool {
        if self.is_value {
            return symbol.eq_ignore_ascii_case(self.symbol.as_bytes());
        }
        symbol_key(symbol).eq(self.key.iter().copied())
    }

    /// True when a row of this symbol and market, as far as the file has them, is wanted. `Err` names the two
    /// markets of the symbol where none was asked for.
    pub fn is_row(&mut self, symbol: Option<&[u8]>, market: Option<&[u8]>) -> Result<bool, String> {
        let market_fits = match (&self.market, market) {
            (Some(wanted), Some(market)) => market.eq_ignore_ascii_case(wanted.as_bytes()),
            _ => true,
        };
        if !symbol.is_none_or(|symbol| self.is_symbol(symbol)) || !market_fits {
            self.note_other(symbol, market);
            return Ok(false);
        }
        self.matched = true;
        if let (None, Some(market)) = (&self.market, market) {
            match &self.seen_market {
                None => self.seen_market = Some(market.to_vec()),
                Some(seen) if seen != market => {
                    let names = [seen, market].map(|name| String::from_utf8_lossy(name).into_owned());
                    return Err(names.join(", "));
                }
                Some(_) => {}
            }
        }
        Ok(true)
    }

    /// At the end of a file with rows: an error when none was wanted.
    pub fn finish(&self, file: &str) -> Result<(), FeedError> {
        if self.matched || self.others.is_empty() {
            return Ok(());
        }
        let wanted = match &self.market {
            Some(market) => format!("{} in market {market}", self.symbol),
            None => self.symbol.clone(),
        };
        let found = self.others.join(", ");
        let fix = match (&self.column, &self.other) {
            (Some(column), Some(other)) => format!(
                "pick one with --only {}, or by its letters and digits with --instrument; where they are no symbols, say \
                 --column id={}",
                quoted(&format!("{column}={other}")),
                quoted(column)
            ),
            _ => "name one of these with --instrument".to_owned(),
        };
        Err(FeedError::NoMatch { file: file.to_owned(), wanted, found, fix })
    }

    fn note_other(&mut self, symbol: Option<&[u8]>, market: Option<&[u8]>) {
        if self.others.len() < NAMED {
            if let (None, Some(symbol)) = (&self.other, symbol.filter(|symbol| !self.is_symbol(symbol))) {
                self.other = Some(String::from_utf8_lossy(symbol).into_owned());
            }
            let text = |bytes: &[u8]| crate::text::shortened(bytes);
            let other = match (symbol, market) {
                (Some(symbol), Some(market)) => format!("{} in market {}", text(symbol), text(market)),
                (Some(name), None) => text(name),
                (None, market) => format!("market {}", text(market.unwrap_or_default())),
            };
            if !self.others.contains(&other) {
                self.others.push(other);
            }
        }
    }
}

/// Whether the cells of a column tell rows apart: there are two of them.
pub(crate) fn differ(mut rows: impl TextTable, column: usize) -> Result<bool, FeedError> {
    let mut first: Option<Vec<u8>> = None;
    while rows.advance()? {
        let cell = rows.field(column).unwrap_or_default();
        match &first {
            _ if cell.is_empty() => {}
            None => first = Some(cell.to_vec()),
            Some(first) if first == cell => {}
            Some(_) => return Ok(true),
        }
    }
    Ok(false)
}

/// A word of a command line.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| {
        letter.is_ascii_alphanumeric() || matches!(letter, '=' | '.' | '-' | '_' | '/' | ':' | ',')
    };
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{word}'") }
}

fn symbol_key(symbol: &[u8]) -> impl Iterator<Item = u8> {
    symbol.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gauntlet_domain::InstrumentId;

    #[test]
    fn the_venue_names_the_market() {
        let options = Options::new(InstrumentId::new("BTCUSDT", "BINANCE_USDM").unwrap());
        let mut wanted = Wanted::new(&options);
        assert_eq!(wanted.is_row(Some(b"btcusdt"), Some(b"usdm")), Ok(true));
        assert_eq!(wanted.is_row(Some(b"BTCUSDT"), Some(b"spot")), Ok(false));
        let options = Options::new(InstrumentId::new("BTC-USDT", "BINANCE").unwrap());
        let mut wanted = Wanted::new(&options);
        assert_eq!(wanted.is_row(Some(b"BTCUSDT"), Some(b"usdm")), Ok(true));
        assert_eq!(wanted.is_row(Some(b"BTCUSDT"), Some(b"spot")), Err("usdm, spot".into()));
    }
}
