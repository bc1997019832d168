//! Reading and writing, passed on to whichever stream is inside.

/// Implements `AsyncRead` and `AsyncWrite` for `$type` by the variants of the enum in `$inner`.
macro_rules! delegate_io {
    ($type:ty, $self:ident => $inner:expr, $enum:ident { $($(#[$meta:meta])* $variant:ident),+ $(,)? }) => {
        impl tokio::io::AsyncRead for $type {
            #[inline]
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let $self = self.get_mut();
                match &mut $inner {
                    $($(#[$meta])* $enum::$variant(io) => std::pin::Pin::new(io).poll_read(cx, buf),)+
                }
            }
        }

        impl tokio::io::AsyncWrite for $type {
            #[inline]
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let $self = self.get_mut();
                match &mut $inner {
                    $($(#[$meta])* $enum::$variant(io) => std::pin::Pin::new(io).poll_write(cx, buf),)+
                }
            }

            #[inline]
            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let $self = self.get_mut();
                match &mut $inner {
                    $($(#[$meta])* $enum::$variant(io) => {
                        std::pin::Pin::new(io).poll_write_vectored(cx, bufs)
                    })+
                }
            }

            #[inline]
            fn is_write_vectored(&self) -> bool {
                let $self = self;
                match &$inner {
                    $($(#[$meta])* $enum::$variant(io) => io.is_write_vectored(),)+
                }
            }

            #[inline]
            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let $self = self.get_mut();
                match &mut $inner {
                    $($(#[$meta])* $enum::$variant(io) => std::pin::Pin::new(io).poll_flush(cx),)+
                }
            }

            #[inline]
            fn poll_shutdown(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let $self = self.get_mut();
                match &mut $inner {
                    $($(#[$meta])* $enum::$variant(io) => std::pin::Pin::new(io).poll_shutdown(cx),)+
                }
            }
        }
    };
}

pub(crate) use delegate_io;
