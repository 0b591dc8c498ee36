//! The admin door's token: made at every start, kept in the state directory for its owner's eyes.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

/// Who holds it may command this convey.
pub struct Token(String);

impl Token {
    /// Makes a token and writes it down (0600) in `state_dir`.
    pub fn make(state_dir: &Path) -> std::io::Result<Self> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| std::io::Error::other("the system gives no random bytes"))?;
        let token = Self(URL_SAFE_NO_PAD.encode(bytes));
        write_private(&Self::path(state_dir), &token.0)?;
        Ok(token)
    }

    /// The token of a convey that runs, or ran, on `state_dir`.
    pub fn read(state_dir: &Path) -> std::io::Result<Self> {
        Ok(Self(fs::read_to_string(Self::path(state_dir))?.trim().to_owned()))
    }

    /// Where it is written down.
    pub fn path(state_dir: &Path) -> PathBuf {
        state_dir.join("admin.token")
    }

    /// As it is sent.
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Whether `sent` is this token's header. Takes as long for a near miss as for a far one.
    pub fn is(&self, sent: &[u8]) -> bool {
        is_same(self.header().as_bytes(), sent)
    }
}

/// Whether two texts are the same. Takes as long for a near miss as for a far one.
pub(super) fn is_same(wanted: &[u8], sent: &[u8]) -> bool {
    let differing = wanted.iter().zip(sent).fold(0, |sum, (wanted, sent)| sum | (wanted ^ sent));
    wanted.len() == sent.len() && std::hint::black_box(differing) == 0
}

/// Writes down where the admin door is.
pub fn write_address(state_dir: &Path, address: SocketAddr) -> std::io::Result<()> {
    write_private(&state_dir.join("admin.address"), &address.to_string())
}

/// Where the admin door of a convey on `state_dir` is, or was.
pub fn read_address(state_dir: &Path) -> std::io::Result<SocketAddr> {
    let text = fs::read_to_string(state_dir.join("admin.address"))?;
    text.trim().parse().map_err(|_| std::io::Error::other("admin.address holds no address"))
}

/// Written beside and renamed: nobody reads half of it.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn only_the_token_opens() {
        let token = Token("abc".into());
        assert!(token.is(b"Bearer abc"));
        for other in ["", "abc", "Bearer ab", "Bearer abcd", "bearer abc", "Bearer abd"] {
            assert!(!token.is(other.as_bytes()), "{other}");
        }
    }
}
