//! Messages made from the contract's descriptors: a field that is redacted gets a mark by itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut};
use node::client::new_meta;
use prost::Message;
use protox::prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor, Value as Reflected,
};
use serde_json::Value;
use service_runtime::SystemClock;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::marks::text_for;

const META: &str = "liandong.types.v1.CommandMeta";

pub(crate) fn contract() -> DescriptorPool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let mut files = Vec::new();
    protos(&root.join("liandong"), &mut files);
    // From the source: what the program serves by reflection does not carry every option.
    let mut compiler = protox::Compiler::new([&root]).unwrap();
    compiler.open_files(files).unwrap();
    compiler.descriptor_pool()
}

fn protos(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            protos(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// All methods of the contract.
pub(crate) fn methods(contract: &DescriptorPool) -> Vec<MethodDescriptor> {
    let services = contract.services().collect::<Vec<_>>();
    services
        .iter()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect()
}

pub(crate) fn is_command(request: &MessageDescriptor) -> bool {
    request.fields().any(|field| is_meta(&field))
}

fn is_meta(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(of) if of.full_name() == META)
}

fn is_redacted(field: &FieldDescriptor) -> bool {
    let options = field.options();
    let redact = options.get_field_by_name("debug_redact");
    redact.is_some_and(|redact| redact.as_bool() == Some(true))
}

/// The redacted fields of a message and of those in it, by full name.
pub(crate) fn redacted(message: &MessageDescriptor, found: &mut BTreeSet<String>) {
    for field in message.fields() {
        if is_redacted(&field) {
            found.insert(field.full_name().to_owned());
        } else if let Kind::Message(inner) = field.kind() {
            redacted(&inner, found);
        }
    }
}

/// A request: what `said` says; a new meta; and a mark in every redacted field but those that
/// `said` has as null. The marked fields are added to `marked`.
pub(crate) fn request(
    of: &MessageDescriptor,
    said: &Value,
    marked: &mut BTreeSet<String>,
) -> DynamicMessage {
    let mut message = DynamicMessage::new(of.clone());
    for field in of.fields() {
        let value = match said.get(field.name()) {
            Some(Value::Null) => continue,
            Some(said) => reflected(&field, said, marked),
            None if is_meta(&field) => meta(&field),
            None if is_redacted(&field) => {
                marked.insert(field.full_name().to_owned());
                Reflected::String(text_for(field.full_name()))
            }
            None => continue,
        };
        message.set_field(&field, value);
    }
    for name in said.as_object().into_iter().flat_map(|said| said.keys()) {
        assert!(
            of.get_field_by_name(name).is_some(),
            "{} has no {name}",
            of.full_name()
        );
    }
    message
}

fn meta(field: &FieldDescriptor) -> Reflected {
    let Kind::Message(of) = field.kind() else {
        unreachable!("a meta is a message");
    };
    let meta = new_meta(&SystemClock).encode_to_vec();
    Reflected::Message(DynamicMessage::decode(of, meta.as_slice()).unwrap())
}

fn reflected(field: &FieldDescriptor, said: &Value, marked: &mut BTreeSet<String>) -> Reflected {
    match said {
        Value::Array(items) if field.is_list() => {
            Reflected::List(items.iter().map(|item| one(field, item, marked)).collect())
        }
        said => one(field, said, marked),
    }
}

fn one(field: &FieldDescriptor, said: &Value, marked: &mut BTreeSet<String>) -> Reflected {
    match (field.kind(), said) {
        (Kind::String, Value::String(text)) => Reflected::String(text.clone()),
        (Kind::Enum(of), Value::String(name)) => Reflected::EnumNumber(number(&of, name)),
        (Kind::Message(of), said) => Reflected::Message(request(&of, said, marked)),
        (Kind::Int64, said) => Reflected::I64(said.as_i64().unwrap()),
        (Kind::Int32, said) => Reflected::I32(said.as_i64().unwrap().try_into().unwrap()),
        (Kind::Uint32, said) => Reflected::U32(said.as_u64().unwrap().try_into().unwrap()),
        (kind, said) => panic!("{}: {kind:?} from {said}", field.full_name()),
    }
}

fn number(of: &EnumDescriptor, name: &str) -> i32 {
    let value = of.get_value_by_name(name);
    value
        .unwrap_or_else(|| panic!("{} has no {name}", of.full_name()))
        .number()
}

/// Messages as the bytes that they are.
#[derive(Clone, Default)]
pub(crate) struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let length = from.remaining();
        Ok(Some(from.copy_to_bytes(length).to_vec()))
    }
}
