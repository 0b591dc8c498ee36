//! The admin door's tokens, an operator's and a viewer's: made at every start, kept in the state directory for its owner's eyes.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

use super::role::Role;

/// Who holds it may look at this convey, or command it.
pub struct Token(String);

/// The tokens that open one door.
pub struct Tokens {
    operator: Token,
    viewer: Token,
}

impl Tokens {
    /// Makes both and writes them down (0600) in `state_dir`.
    ///
    /// # Errors
    /// As the disk has it, or where the system gives no random bytes.
    pub fn make(state_dir: &Path) -> std::io::Result<Self> {
        let operator = Token::make(&Token::path(state_dir, Role::Operator))?;
        Ok(Self { operator, viewer: Token::make(&Token::path(state_dir, Role::Viewer))? })
    }

    /// Whose header this is.
    pub(super) fn role_of(&self, header: &[u8]) -> Option<Role> {
        match (self.operator.is(header), self.viewer.is(header)) {
            (true, _) => Some(Role::Operator),
            (_, true) => Some(Role::Viewer),
            _ => None,
        }
    }
}

impl Token {
    fn make(path: &Path) -> std::io::Result<Self> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| std::io::Error::other("the system gives no random bytes"))?;
        let token = Self(URL_SAFE_NO_PAD.encode(bytes));
        write_private(path, &token.0)?;
        Ok(token)
    }

    /// The operator's token of a convey that runs, or ran, on `state_dir`.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn read(state_dir: &Path) -> std::io::Result<Self> {
        Self::read_of(state_dir, Role::Operator)
    }

    /// The token of a role.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn read_of(state_dir: &Path, role: Role) -> std::io::Result<Self> {
        Ok(Self(fs::read_to_string(Self::path(state_dir, role))?.trim().to_owned()))
    }

    /// Where a role's token is written down.
    pub fn path(state_dir: &Path, role: Role) -> PathBuf {
        state_dir.join(match role {
            Role::Operator => "admin.token",
            Role::Viewer => "viewer.token",
        })
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
    use super::{Role, Token, Tokens};

    #[test]
    fn each_token_opens_to_its_role() {
        let tokens = Tokens { operator: Token("abc".into()), viewer: Token("xyz".into()) };
        let role = |header: &[u8]| tokens.role_of(header);
        assert_eq!(role(b"Bearer abc"), Some(Role::Operator));
        assert_eq!((role(b"Bearer xyz"), role(b"Bearer ab"), role(b"abc")), (Some(Role::Viewer), None, None));
    }

    #[test]
    fn only_the_token_opens() {
        let token = Token("abc".into());
        assert!(token.is(b"Bearer abc"));
        for other in ["", "abc", "Bearer ab", "Bearer abcd", "bearer abc", "Bearer abd"] {
            assert!(!token.is(other.as_bytes()), "{other}");
        }
    }
}
