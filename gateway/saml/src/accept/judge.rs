//! Conditions and confirmations: everything an authentic assertion says about when, by whom and where it
//! may be used. Whatever cannot be judged here is a refusal.

use std::net::IpAddr;

use cambist_core::Timestamp;

use super::{Acceptance, Accepted, Examined, Holder, Once, Presenter};
use crate::{
    certificate::{self, Certificate},
    model::{
        Assertion, Conditions, ConfirmationMethod, KeyInfo, NameId, Sealable, SubjectConfirmation,
    },
    refusal::{Refusal, Unconfirmed},
};

impl Acceptance {
    pub(super) fn judge(
        &self,
        assertion: Assertion,
        presenter: &Presenter<'_>,
        now: Timestamp,
    ) -> Result<Examined, Refusal> {
        let conditions = assertion
            .conditions
            .as_ref()
            .ok_or(Refusal::Missing("Conditions"))?;
        self.check_time(&assertion, conditions, now)?;
        let audiences = self.audiences_of(conditions)?;
        check_proxy(conditions)?;
        let subject = assertion
            .subject
            .as_ref()
            .ok_or(Refusal::Missing("Subject"))?;
        let confirmation = self
            .confirm(&subject.confirmations, presenter, now)?
            .clone();
        // RFC 7522 §3 item 4: somewhere it must end.
        let end = end_of(conditions, &confirmation).ok_or(Refusal::Missing("NotOnOrAfter"))?;
        // Another confirmation may hold for longer, and would be a second use.
        let last = subject
            .confirmations
            .iter()
            .filter_map(|confirmation| end_of(conditions, confirmation))
            .fold(end, Timestamp::max);
        if last.since(now) > self.max_lifetime {
            return Err(Refusal::Lifetime);
        }
        let must_remember = self.once == Once::Every || conditions.one_time_use;
        let expires_at = assertion
            .authn_statements
            .iter()
            .filter_map(|statement| statement.session_not_on_or_after)
            .fold(end, Timestamp::min);
        let holder = match confirmation.method {
            ConfirmationMethod::HolderOfKey => presenter.holder_among(&confirmation.keys),
            _ => None,
        };
        Ok(Examined {
            remembered_until: must_remember.then(|| last.plus(self.skew())),
            accepted: Accepted {
                holder,
                address: presenter.address_of(&confirmation),
                expires_at,
                audiences,
                confirmation,
                assertion,
            },
        })
    }

    /// A name means something only together with what qualifies it, and behind this point only the name
    /// is left.
    pub(super) fn check_name(&self, assertion: &Assertion) -> Result<(), Refusal> {
        let name = assertion
            .subject
            .as_ref()
            .and_then(|subject| subject.name_id.as_ref())
            .and_then(Sealable::open)
            .ok_or(Refusal::Missing("NameID"))?;
        let issuer = self.issuer(&assertion.issuer)?;
        let is_known = |qualifier: &String| {
            *qualifier == issuer.entity_id || issuer.name_qualifiers.contains(qualifier)
        };
        let is_ours = |qualifier: &String| self.audiences.contains(qualifier);
        if name.name_qualifier.as_ref().is_none_or(is_known)
            && name.sp_name_qualifier.as_ref().is_none_or(is_ours)
        {
            Ok(())
        } else {
            Err(Refusal::Qualified)
        }
    }

    fn check_time(
        &self,
        assertion: &Assertion,
        conditions: &Conditions,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let soon = now.plus(self.skew());
        let is_over = |end: Timestamp| end.plus(self.skew()) <= now;
        if assertion.issued_at > soon {
            return Err(Refusal::NotYetValid("IssueInstant"));
        }
        if conditions.not_before.is_some_and(|start| start > soon) {
            return Err(Refusal::NotYetValid("NotBefore"));
        }
        if conditions.not_on_or_after.is_some_and(is_over) {
            return Err(Refusal::Expired("NotOnOrAfter"));
        }
        // An empty period holds at no time, whatever the skew (saml-core §2.5.1.2).
        if let (Some(start), Some(end)) = (conditions.not_before, conditions.not_on_or_after)
            && start >= end
        {
            return Err(Refusal::Expired("NotOnOrAfter"));
        }
        for statement in &assertion.authn_statements {
            if statement.authn_instant > soon {
                return Err(Refusal::NotYetValid("AuthnInstant"));
            }
            if statement.session_not_on_or_after.is_some_and(is_over) {
                return Err(Refusal::Expired("SessionNotOnOrAfter"));
            }
        }
        Ok(())
    }

    /// All restrictions bind, and one audience of each suffices (saml-core §2.5.1.4). The answer is what
    /// all of them name.
    fn audiences_of(&self, conditions: &Conditions) -> Result<Vec<String>, Refusal> {
        let restrictions = &conditions.audience_restrictions;
        let Some((first, others)) = restrictions.split_first() else {
            return Err(Refusal::WrongAudience);
        };
        let are_met = restrictions
            .iter()
            .all(|one| one.iter().any(|audience| self.audiences.contains(audience)));
        if !are_met {
            return Err(Refusal::WrongAudience);
        }
        let common: Vec<String> = first
            .iter()
            .filter(|audience| others.iter().all(|one| one.contains(audience)))
            .cloned()
            .collect();
        // Nothing in common is not the same as addressed to nobody in particular.
        if common.is_empty() {
            return Err(Refusal::WrongAudience);
        }
        Ok(common)
    }

    /// The first confirmation that holds (saml-core §2.4.1.1).
    fn confirm<'a>(
        &self,
        confirmations: &'a [SubjectConfirmation],
        presenter: &Presenter<'_>,
        now: Timestamp,
    ) -> Result<&'a SubjectConfirmation, Refusal> {
        let mut reason = Unconfirmed::None;
        for confirmation in confirmations {
            match self.check_confirmation(confirmation, presenter, now) {
                Ok(()) => return Ok(confirmation),
                // Whatever else is wrong with the others: elsewhere one of them might hold.
                Err(_) if reason == Unconfirmed::Address => {}
                Err(unconfirmed) => reason = unconfirmed,
            }
        }
        Err(Refusal::Unconfirmed(reason))
    }

    fn check_confirmation(
        &self,
        confirmation: &SubjectConfirmation,
        presenter: &Presenter<'_>,
        now: Timestamp,
    ) -> Result<(), Unconfirmed> {
        let SubjectConfirmation {
            method,
            name_id,
            not_before,
            not_on_or_after,
            recipient,
            in_response_to,
            address,
            keys,
        } = confirmation;
        if not_before.is_some_and(|start| start > now.plus(self.skew())) {
            return Err(Unconfirmed::NotYetValid);
        }
        if not_on_or_after.is_some_and(|end| end.plus(self.skew()) <= now) {
            return Err(Unconfirmed::Expired);
        }
        let may_come_here = if let Some(recipient) = recipient {
            self.recipients.contains(recipient)
        } else {
            let is_required = self.recipient_required || presenter.recipient_required;
            *method != ConfirmationMethod::Bearer || !is_required
        };
        if !may_come_here {
            return Err(Unconfirmed::Recipient);
        }
        if !presenter.correlation.allows(in_response_to.as_deref()) {
            return Err(Unconfirmed::InResponseTo);
        }
        if address.is_some() && presenter.address_of(confirmation).is_none() {
            return Err(Unconfirmed::Address);
        }
        if let Some(name) = name_id {
            let named = name.open().map(|name| name.value.as_str());
            if named.is_none() || named != presenter.identity {
                return Err(Unconfirmed::Name);
            }
        }
        match method {
            ConfirmationMethod::Bearer => Ok(()),
            ConfirmationMethod::HolderOfKey => presenter
                .holder_among(keys)
                .map(drop)
                .ok_or(Unconfirmed::Key),
            ConfirmationMethod::SenderVouches => {
                let attests = presenter.identity.is_some_and(|identity| {
                    self.attesters.iter().any(|attester| attester == identity)
                });
                if attests {
                    Ok(())
                } else {
                    Err(Unconfirmed::NotAttested)
                }
            }
            ConfirmationMethod::Other(_) => Err(Unconfirmed::Method),
        }
    }
}

impl Presenter<'_> {
    /// Its address, if that is the one a confirmation names. One of IPv4 may be written as one of IPv6.
    fn address_of(&self, confirmation: &SubjectConfirmation) -> Option<IpAddr> {
        let named: IpAddr = confirmation.address.as_deref()?.parse().ok()?;
        let named = named.to_canonical();
        (self.address?.to_canonical() == named).then_some(named)
    }

    /// The key it has proved to hold, if that is one of these. The key counts: a certificate may have been
    /// renewed since.
    fn holder_among(&self, keys: &[KeyInfo]) -> Option<Holder> {
        let named = || keys.iter().filter_map(KeyInfo::leaf);
        if let Some(shown) = self.certificate
            && named().any(|certificate| certificate::is_same_key(certificate, shown))
        {
            return Some(Holder::Certificate(shown.to_vec()));
        }
        let proved = self.key_thumbprint?;
        named()
            .filter_map(|certificate| Certificate::from_der(certificate).ok()?.key_thumbprint())
            .find(|thumbprint| thumbprint == proved)
            .map(Holder::Key)
    }
}

/// When an assertion ends for whoever this confirmation confirms.
fn end_of(conditions: &Conditions, confirmation: &SubjectConfirmation) -> Option<Timestamp> {
    [conditions.not_on_or_after, confirmation.not_on_or_after]
        .into_iter()
        .flatten()
        .min()
}

/// Whatever is issued in exchange passes on what the assertion says. How often and to whom it may travel
/// after that, nobody here can tell its next recipient.
fn check_proxy(conditions: &Conditions) -> Result<(), Refusal> {
    match &conditions.proxy_restriction {
        Some(proxy) if proxy.count == Some(0) || !proxy.audiences.is_empty() => {
            Err(Refusal::ProxyRestriction)
        }
        _ => Ok(()),
    }
}

impl Accepted {
    /// The subject's name. There always is one.
    pub fn name_id(&self) -> Option<&NameId> {
        self.assertion
            .subject
            .as_ref()?
            .name_id
            .as_ref()
            .and_then(Sealable::open)
    }
}
