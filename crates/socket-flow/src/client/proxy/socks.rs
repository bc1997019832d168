//! A tunnel by SOCKS 5 (RFC 1928), with user and password (RFC 1929).

use std::net::IpAddr;

use socket_flow_handshake::target::Userinfo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::client::proxy::error::{ProxyError, SocksReply};
use crate::head_io::write_head;

/// Asks for a tunnel. A name is resolved by the proxy.
pub(crate) async fn connect<S>(
    stream: &mut S,
    userinfo: Option<&Userinfo>,
    host: &str,
    port: u16,
) -> Result<(), ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(host, port)?;
    let greeting: &[u8] = match userinfo {
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USERNAME_PASSWORD],
        None => &[VERSION, 1, NO_AUTHENTICATION],
    };
    let credentials = userinfo.map(credentials).transpose()?;
    write_head(stream, greeting).await?;
    let [version, method] = read(stream).await?;
    match (version, method, credentials) {
        (VERSION, NO_AUTHENTICATION, _) => {}
        (VERSION, USERNAME_PASSWORD, Some(credentials)) => {
            write_head(stream, &credentials).await?;
            // Its first byte is the version of the subnegotiation; some proxies send others.
            let [_, status] = read(stream).await?;
            if status != 0 {
                return Err(ProxyError::AuthenticationFailed);
            }
        }
        (VERSION, NO_ACCEPTABLE_METHODS, _) => return Err(ProxyError::AuthenticationRequired),
        _ => return Err(ProxyError::InvalidReply),
    }
    write_head(stream, &request).await?;
    let [version, reply, _, address_type] = read(stream).await?;
    match (version, reply) {
        (VERSION, SUCCEEDED) => {}
        (VERSION, code) => return Err(ProxyError::Socks(SocksReply::from_code(code))),
        _ => return Err(ProxyError::InvalidReply),
    }
    // Where the proxy connected from is of no interest, but must be out of the way.
    match address_type {
        IPV4 => read::<_, 6>(stream).await.map(drop),
        IPV6 => read::<_, 18>(stream).await.map(drop),
        DOMAIN_NAME => {
            let [len] = read(stream).await?;
            for _ in 0..u16::from(len) + 2 {
                let [_] = read(stream).await?;
            }
            Ok(())
        }
        _ => Err(ProxyError::InvalidReply),
    }
}

fn request(host: &str, port: u16) -> Result<Vec<u8>, ProxyError> {
    let mut request = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend(address.octets());
        }
        Err(_) => {
            request.push(DOMAIN_NAME);
            push_field(&mut request, host)?;
        }
    }
    request.extend(port.to_be_bytes());
    Ok(request)
}

fn credentials(userinfo: &Userinfo) -> Result<Vec<u8>, ProxyError> {
    let mut credentials = vec![SUBNEGOTIATION_VERSION];
    push_field(&mut credentials, &userinfo.user())?;
    push_field(&mut credentials, &userinfo.password().unwrap_or_default())?;
    Ok(credentials)
}

fn push_field(buf: &mut Vec<u8>, field: &str) -> Result<(), ProxyError> {
    let len = u8::try_from(field.len()).map_err(|_| ProxyError::FieldLength)?;
    if len == 0 {
        return Err(ProxyError::FieldLength);
    }
    buf.push(len);
    buf.extend(field.as_bytes());
    Ok(())
}

async fn read<S, const N: usize>(stream: &mut S) -> Result<[u8; N], ProxyError>
where
    S: AsyncRead + Unpin,
{
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

const VERSION: u8 = 5;
const SUBNEGOTIATION_VERSION: u8 = 1;

const NO_AUTHENTICATION: u8 = 0;
const USERNAME_PASSWORD: u8 = 2;
const NO_ACCEPTABLE_METHODS: u8 = 0xff;

const CONNECT: u8 = 1;
const SUCCEEDED: u8 = 0;

const IPV4: u8 = 1;
const DOMAIN_NAME: u8 = 3;
const IPV6: u8 = 4;

#[cfg(test)]
mod second_opinion;
