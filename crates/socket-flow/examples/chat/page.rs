//! The page: three files and an icon, all inside the program.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};

const HTML: &str = include_str!("page/index.html");
const CSS: &str = include_str!("page/chat.css");
const JS: &str = include_str!("page/chat.js");
const ICON: &str = include_str!("page/icon.svg");

/// What the page may load: its own files, and nothing that stands in the HTML itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Answers a request for a file of the page, any other with 404; what is neither GET nor HEAD is
/// left to the server.
pub(crate) fn respond(request: &Request<()>) -> Option<Response<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return None;
    }
    let (status, kind, body) = match request.uri().path() {
        "/" => (StatusCode::OK, "text/html; charset=utf-8", HTML),
        "/chat.css" => (StatusCode::OK, "text/css; charset=utf-8", CSS),
        "/chat.js" => (StatusCode::OK, "text/javascript; charset=utf-8", JS),
        "/icon.svg" => (StatusCode::OK, "image/svg+xml", ICON),
        _ => (
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            "there is no such page\n",
        ),
    };
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ] {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(method: &str, uri: &str) -> Option<Response<Bytes>> {
        let request = Request::builder().method(method).uri(uri);
        respond(&request.body(()).unwrap())
    }

    #[test]
    fn every_file_of_the_page_has_its_type() {
        for (path, kind) in [
            ("/", "text/html; charset=utf-8"),
            ("/chat.css", "text/css; charset=utf-8"),
            ("/chat.js?v=1", "text/javascript; charset=utf-8"),
            ("/icon.svg", "image/svg+xml"),
        ] {
            let response = answer("GET", path).unwrap();
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(response.headers()[CONTENT_TYPE], kind, "{path}");
            assert!(!response.body().is_empty(), "{path}");
        }
        assert_eq!(answer("GET", "/etc/passwd").unwrap().status(), 404);
        assert!(answer("POST", "/").is_none());
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        assert!(POLICY.starts_with("default-src 'none'"));
        for file in [HTML, CSS, JS] {
            assert!(!file.contains("https://"));
        }
        for inline in ["<style", " style=", " onclick=", "<script>"] {
            assert!(!HTML.contains(inline), "{inline}");
        }
        // The only ways text could become HTML.
        for call in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
        ] {
            assert!(!JS.contains(call), "{call}");
        }
    }
}
