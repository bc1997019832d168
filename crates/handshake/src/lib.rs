#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod authority;
pub mod body;
pub mod client;
pub mod deflate;
pub mod extension;
pub mod head;
pub mod header;
mod header_names;
mod hidden;
pub mod host;
pub mod key;
pub mod origin;
pub mod server;
pub mod subprotocol;
pub mod target;
mod userinfo;

pub use socket_flow_frames::{DeflateParams, Negotiated};

pub use hidden::Hidden;

#[cfg(test)]
mod tests {
    #[test]
    fn every_public_type_can_go_to_another_thread() {
        fn assert<T: Send + Sync + 'static>() {}
        assert::<crate::DeflateParams>();
        assert::<crate::Negotiated>();
        assert::<crate::body::BodyDecoder>();
        assert::<crate::client::Offer>();
        assert::<crate::client::VerifyError>();
        assert::<crate::deflate::DeflateError>();
        assert::<crate::deflate::DeflateOffer>();
        assert::<crate::head::RequestDecoder>();
        assert::<crate::head::ResponseDecoder>();
        assert::<crate::host::HostPolicy>();
        assert::<crate::key::Key>();
        assert::<crate::origin::OriginPolicy>();
        assert::<crate::server::Acceptance>();
        assert::<crate::server::Choices>();
        assert::<crate::server::Rejection>();
        assert::<crate::target::Target>();
    }
}
