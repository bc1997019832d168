use std::sync::Arc;

use socket_flow_protocol::{Config, Deflate};

/// The configuration with these settings of compression in it, if there are any; copied only where
/// they differ.
pub(crate) fn configured(config: Arc<Config>, settings: Option<&Deflate>) -> Arc<Config> {
    match settings {
        Some(settings) if settings != config.deflate_settings() => {
            Arc::new(Arc::unwrap_or_clone(config).deflate(settings.clone()))
        }
        _ => config,
    }
}
