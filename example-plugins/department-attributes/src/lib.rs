//! Adds the departments of the subject to a SAML assertion. The directory knows departments only as groups
//! such as `dept:sales`; the relying party wants an attribute of its own.

use cambist_guest::{
    Call, Refusal, export,
    saml::{Assertion, Attribute, AttributeStatement, AttributeStatements},
};

/// How the relying parties of most federations read names that are URIs (saml-core §8.2.2).
const URI: &str = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri";

/// The plugin.
pub struct DepartmentAttributes;

impl AttributeStatements for DepartmentAttributes {
    fn make_attribute_statements(
        assertion: &Assertion,
        mut standard: Vec<AttributeStatement>,
        call: &Call,
    ) -> Result<Vec<AttributeStatement>, Refusal> {
        let prefix = call.required_text("prefix")?;
        let mut departments: Vec<&str> = assertion
            .subject
            .value(call.required_text("claim")?)
            .map_or(&[][..], |groups| groups.texts())
            .iter()
            .filter_map(|group| group.strip_prefix(prefix))
            .filter(|department| !department.is_empty())
            .collect();
        departments.sort_unstable();
        departments.dedup();

        if departments.is_empty() {
            return if call.boolean("required") == Some(true) {
                Err(Refusal::refused("no-department")
                    .message("the account belongs to no department"))
            } else {
                Ok(standard)
            };
        }
        let attribute = Attribute::new(call.required_text("attribute")?, departments)
            .name_format(URI)
            .friendly_name("departmentNumber");
        match standard.first_mut() {
            Some(statement) => statement.attributes.push(attribute),
            None => standard.push(AttributeStatement {
                attributes: vec![attribute],
            }),
        }
        Ok(standard)
    }
}

export!(DepartmentAttributes: AttributeStatements);

#[cfg(test)]
mod tests;
