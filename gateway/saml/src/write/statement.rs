use super::{Standing, WriteError, Writer, instant, optional_instant, subject};
use crate::{
    encryption,
    model::{
        Attribute, AttributeStatement, AttributeValue, AuthnContext, AuthnStatement,
        AuthzDecisionStatement, Sealable,
    },
    uri,
    xml::Xml,
};

impl Writer {
    pub(super) fn authn_statement(&mut self, statement: &AuthnStatement) -> Result<(), WriteError> {
        let ends = optional_instant(statement.session_not_on_or_after)?;
        self.xml
            .start("saml:AuthnStatement")
            .attribute("AuthnInstant", &instant(statement.authn_instant)?)?
            .optional("SessionIndex", statement.session_index.as_deref())?
            .optional("SessionNotOnOrAfter", ends.as_deref())?
            .body();
        if let Some(locality) = &statement.subject_locality {
            self.xml
                .start("saml:SubjectLocality")
                .optional("Address", locality.address.as_deref())?
                .optional("DNSName", locality.dns_name.as_deref())?
                .body()
                .end("saml:SubjectLocality");
        }
        self.authn_context(&statement.authn_context)?;
        self.xml.end("saml:AuthnStatement");
        Ok(())
    }

    fn authn_context(&mut self, context: &AuthnContext) -> Result<(), WriteError> {
        if context.class_ref.is_none() && context.declaration_ref.is_none() {
            return Err(WriteError::Missing("AuthnContextClassRef"));
        }
        self.xml.start("saml:AuthnContext").body();
        if let Some(class) = &context.class_ref {
            self.xml.leaf("saml:AuthnContextClassRef", class)?;
        }
        if let Some(declaration) = &context.declaration_ref {
            self.xml.leaf("saml:AuthnContextDeclRef", declaration)?;
        }
        for authority in &context.authenticating_authorities {
            self.xml.leaf("saml:AuthenticatingAuthority", authority)?;
        }
        self.xml.end("saml:AuthnContext");
        Ok(())
    }

    pub(super) fn authz_decision_statement(
        &mut self,
        statement: &AuthzDecisionStatement,
    ) -> Result<(), WriteError> {
        if statement.actions.is_empty() {
            return Err(WriteError::Missing("Action"));
        }
        self.xml
            .start("saml:AuthzDecisionStatement")
            .attribute("Decision", statement.decision.name())?
            .attribute("Resource", &statement.resource)?
            .body();
        for action in &statement.actions {
            self.xml
                .start("saml:Action")
                .attribute("Namespace", &action.namespace)?
                .body()
                .text(&action.value)?
                .end("saml:Action");
        }
        if let Some(evidence) = &statement.evidence {
            if evidence.assertion_ids.is_empty()
                && evidence.assertion_uris.is_empty()
                && evidence.assertions.is_empty()
            {
                return Err(WriteError::Missing("what Evidence refers to"));
            }
            self.xml.start("saml:Evidence").body();
            self.references(
                &evidence.assertion_ids,
                &evidence.assertion_uris,
                &evidence.assertions,
            )?;
            self.xml.end("saml:Evidence");
        }
        self.xml.end("saml:AuthzDecisionStatement");
        Ok(())
    }

    pub(super) fn attribute_statement(
        &mut self,
        statement: &AttributeStatement,
    ) -> Result<(), WriteError> {
        if statement.attributes.is_empty() {
            return Err(WriteError::Missing("Attribute"));
        }
        self.xml.start("saml:AttributeStatement").body();
        for entry in &statement.attributes {
            match entry {
                Sealable::Open(open) => {
                    attribute(
                        &mut self.xml,
                        open,
                        self.spelling.typed_values,
                        Standing::Within,
                    )?;
                }
                Sealable::Sealed(sealed) => {
                    self.xml.start("saml:EncryptedAttribute").body();
                    encryption::write(&mut self.xml, sealed)?;
                    self.xml.end("saml:EncryptedAttribute");
                }
            }
        }
        self.xml.end("saml:AttributeStatement");
        Ok(())
    }
}

/// Writes an attribute.
pub(crate) fn attribute(
    xml: &mut Xml,
    attribute: &Attribute,
    typed_values: bool,
    standing: Standing,
) -> Result<(), WriteError> {
    xml.start("saml:Attribute");
    if standing == Standing::Alone {
        xml.namespace("saml", uri::ASSERTION);
        if typed_values {
            xml.namespace("xs", uri::SCHEMA);
        }
    }
    xml.optional("FriendlyName", attribute.friendly_name.as_deref())?
        .attribute("Name", &attribute.name)?
        .optional("NameFormat", attribute.name_format.as_deref())?
        .body();
    for value in &attribute.values {
        attribute_value(xml, value, typed_values)?;
    }
    xml.end("saml:Attribute");
    Ok(())
}

fn attribute_value(
    xml: &mut Xml,
    value: &AttributeValue,
    is_typed: bool,
) -> Result<(), WriteError> {
    xml.start("saml:AttributeValue");
    let schema_type = match value {
        AttributeValue::Text(_) => Some("xs:string"),
        AttributeValue::Integer(_) => Some("xs:integer"),
        AttributeValue::Boolean(_) => Some("xs:boolean"),
        AttributeValue::DateTime(_) => Some("xs:dateTime"),
        AttributeValue::Binary(_) => Some("xs:base64Binary"),
        AttributeValue::NameId(_) | AttributeValue::Null => None,
    };
    if *value == AttributeValue::Null {
        xml.namespace("xsi", uri::SCHEMA_INSTANCE)
            .attribute("xsi:nil", "true")?;
    } else if let Some(schema_type) = schema_type.filter(|_| is_typed) {
        xml.namespace("xsi", uri::SCHEMA_INSTANCE)
            .attribute("xsi:type", schema_type)?;
    }
    xml.body();
    match value {
        AttributeValue::Text(text) => xml.text(text)?,
        AttributeValue::Integer(number) => xml.text(&number.to_string())?,
        AttributeValue::Boolean(truth) => xml.text(if *truth { "true" } else { "false" })?,
        AttributeValue::DateTime(moment) => xml.text(&instant(*moment)?)?,
        AttributeValue::Binary(bytes) => xml.base64(bytes),
        AttributeValue::NameId(name) => {
            subject::name_id(xml, name, Standing::Within)?;
            &mut *xml
        }
        AttributeValue::Null => &mut *xml,
    };
    xml.end("saml:AttributeValue");
    Ok(())
}
