use super::{WriteError, Writer, optional_instant};
use crate::model::Conditions;

impl Writer {
    pub(super) fn conditions(&mut self, conditions: &Conditions) -> Result<(), WriteError> {
        let Conditions {
            not_before,
            not_on_or_after,
            audience_restrictions,
            one_time_use,
            proxy_restriction,
        } = conditions;
        self.xml
            .start("saml:Conditions")
            .optional("NotBefore", optional_instant(*not_before)?.as_deref())?
            .optional(
                "NotOnOrAfter",
                optional_instant(*not_on_or_after)?.as_deref(),
            )?
            .body();
        for audiences in audience_restrictions {
            if audiences.is_empty() {
                return Err(WriteError::Missing("Audience"));
            }
            self.xml.start("saml:AudienceRestriction").body();
            self.audiences(audiences)?;
            self.xml.end("saml:AudienceRestriction");
        }
        if *one_time_use {
            self.xml
                .start("saml:OneTimeUse")
                .body()
                .end("saml:OneTimeUse");
        }
        if let Some(proxy) = proxy_restriction {
            self.xml
                .start("saml:ProxyRestriction")
                .optional(
                    "Count",
                    proxy.count.map(|count| count.to_string()).as_deref(),
                )?
                .body();
            self.audiences(&proxy.audiences)?;
            self.xml.end("saml:ProxyRestriction");
        }
        self.xml.end("saml:Conditions");
        Ok(())
    }

    fn audiences(&mut self, audiences: &[String]) -> Result<(), WriteError> {
        for audience in audiences {
            self.xml.leaf("saml:Audience", audience)?;
        }
        Ok(())
    }
}
