//! samael as the relying party: `samael-judge METADATA RESPONSE` prints the subject's name, or fails.

use std::{env, error::Error, fs};

use samael::{metadata::EntityDescriptor, service_provider::ServiceProviderBuilder};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let metadata = fs::read_to_string(arguments.next().ok_or("metadata is needed")?)?;
    let response = fs::read_to_string(arguments.next().ok_or("a response is needed")?)?;
    let party = ServiceProviderBuilder::default()
        .entity_id("urn:example:orders-sp".to_owned())
        .acs_url("https://orders.example.com/acs".to_owned())
        .idp_metadata(metadata.parse::<EntityDescriptor>()?)
        .allow_idp_initiated(true)
        .max_issue_delay(chrono::Duration::hours(1))
        .build()?;
    let assertion = party.parse_xml_response(&response, None)?;
    let name = assertion.subject.and_then(|subject| subject.name_id);
    println!("{}", name.ok_or("there is no name")?.value);
    Ok(())
}
