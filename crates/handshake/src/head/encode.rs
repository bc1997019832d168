use bytes::{BufMut, Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName};
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Response};

/// Writes the head of a request, its body not included.
///
/// The request line has the path and query of the URI and nothing else of it, or for `CONNECT`
/// the authority (RFC 9112 §3.2.3); `Host` is a header
/// and must be among the headers. No value can begin a line of its own: `http`'s types hold
/// neither CR nor LF. Names are written in the RFCs' capitals (`Sec-WebSocket-Key`), for peers
/// that are too picky.
///
/// ```
/// use http::Request;
/// use socket_flow_handshake::head::encode_request;
///
/// let request = Request::get("/chat").header("host", "example.com").body(()).unwrap();
/// assert_eq!(encode_request(&request), "GET /chat HTTP/1.1\r\nHost: example.com\r\n\r\n");
/// ```
pub fn encode_request<B>(request: &Request<B>) -> Bytes {
    let uri = request.uri();
    let target = if request.method() == Method::CONNECT {
        uri.authority().map(Authority::as_str)
    } else {
        uri.path_and_query().map(PathAndQuery::as_str)
    };
    let mut buf = BytesMut::with_capacity(INITIAL_CAPACITY);
    buf.put_slice(request.method().as_str().as_bytes());
    buf.put_u8(b' ');
    buf.put_slice(target.unwrap_or("/").as_bytes());
    buf.put_slice(b" HTTP/1.1\r\n");
    encode_headers(request.headers(), &mut buf);
    buf.freeze()
}

/// Writes the head of a response, its body not included.
///
/// Headers are written as they are: `Content-Length` for a body is the caller's affair, and
/// [`Rejection`](crate::server::Rejection) takes care of it.
///
/// ```
/// use http::Response;
/// use socket_flow_handshake::head::encode_response;
///
/// let response = Response::builder().status(404).header("connection", "close").body(()).unwrap();
/// assert_eq!(encode_response(&response), "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
/// ```
pub fn encode_response<B>(response: &Response<B>) -> Bytes {
    let status = response.status();
    let mut buf = BytesMut::with_capacity(INITIAL_CAPACITY);
    buf.put_slice(b"HTTP/1.1 ");
    buf.put_slice(status.as_str().as_bytes());
    // The space belongs there even where there is no reason (RFC 9112 §4).
    buf.put_u8(b' ');
    buf.put_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    buf.put_slice(b"\r\n");
    encode_headers(response.headers(), &mut buf);
    buf.freeze()
}

fn encode_headers(headers: &HeaderMap, buf: &mut BytesMut) {
    for (name, value) in headers {
        encode_name(name, buf);
        buf.put_slice(b": ");
        buf.put_slice(value.as_bytes());
        buf.put_slice(b"\r\n");
    }
    buf.put_slice(b"\r\n");
}

/// Writes a name, which `http` keeps in lower case, with a capital at each of its words.
fn encode_name(name: &HeaderName, buf: &mut BytesMut) {
    for (index, word) in name.as_str().split('-').enumerate() {
        if index > 0 {
            buf.put_u8(b'-');
        }
        if word == "websocket" {
            buf.put_slice(b"WebSocket");
        } else if let Some((first, rest)) = word.as_bytes().split_first() {
            buf.put_u8(first.to_ascii_uppercase());
            buf.put_slice(rest);
        }
    }
}

/// A handshake with a cookie or two fits without growing.
const INITIAL_CAPACITY: usize = 512;
