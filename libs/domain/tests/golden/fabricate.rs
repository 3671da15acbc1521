//! A sample of every variant of an event, made from what its own `Deserialize` asks for.
//!
//! What a type does not ask for by name (serde's flattened structs, and struct variants under a tag) is
//! learnt from what it misses, and the attempt begins again.

use std::cell::RefCell;

use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::{Deserializer, forward_to_deserialize_any};
use serde_json::{Map, Value};

/// Texts of every form that the domain reads; the first that a field takes is used.
const TEXTS: [&str; 9] = [
    "2026-01",
    "310000",
    "310000-00000000-0000-7000-8000-000000000001",
    "00000000-0000-7000-8000-000000000001",
    "2026-01-02T03:04:05Z",
    "2026-01-02",
    "intake/310000-00000000-0000-7000-8000-000000000001",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "310000.referral",
];

const ATTEMPTS: usize = 10_000;

/// The names of an event's variants, and a sample of each.
pub(crate) fn events<E: DeserializeOwned + serde::Serialize>(
    flattened: &Map<String, Value>,
) -> Vec<(String, E)> {
    let mut samples = Vec::new();
    loop {
        let memory = RefCell::new(Memory {
            variant: samples.len(),
            flattened: flattened.clone(),
            ..Memory::default()
        });
        let sample = sample::<E>(&memory);
        // Written, it names the fields that may be missing too.
        let written = serde_json::to_value(&sample).expect("events are plain data");
        if let Some(Value::Object(data)) = written.get("data") {
            memory.borrow_mut().fields = data.keys().cloned().collect();
        }
        let full = sample_again::<E>(&memory);
        let memory = memory.into_inner();
        samples.push((memory.variants[memory.variant].to_owned(), full));
        if samples.len() == memory.variants.len() {
            return samples;
        }
    }
}

/// The fields of a sample of a struct: what is flattened into events.
pub(crate) fn fields<T: DeserializeOwned + serde::Serialize>() -> Map<String, Value> {
    let memory = RefCell::new(Memory::default());
    let value = serde_json::to_value(sample::<T>(&memory)).expect("events are plain data");
    value.as_object().expect("a struct").clone()
}

/// What the attempts have learnt.
#[derive(Default)]
struct Memory {
    /// Which variant of the event is wanted, of those in `variants`.
    variant: usize,
    variants: &'static [&'static str],
    /// Whether the variant has data.
    has_data: bool,
    /// Fields that were missed.
    fields: Vec<String>,
    /// For each text asked for, in turn, which of [`TEXTS`] was taken.
    texts: Vec<usize>,
    /// How many texts this attempt has asked for.
    asked: usize,
    /// What stands in fields that nobody asks for by type.
    flattened: Map<String, Value>,
}

fn sample<T: DeserializeOwned>(memory: &RefCell<Memory>) -> T {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        {
            let mut memory = memory.borrow_mut();
            memory.asked = 0;
        }
        let made = T::deserialize(Maker::new(memory));
        let error = match made {
            Ok(sample) => return sample,
            Err(error) => error.to_string(),
        };
        let mut memory = memory.borrow_mut();
        let missing = error.strip_prefix("missing field `");
        match missing.and_then(|rest| rest.strip_suffix('`')) {
            Some("data") => memory.has_data = true,
            Some(field) => memory.fields.push(field.to_owned()),
            None => {
                // The text given last was not of the right form.
                let asked = memory.asked;
                let text = asked.checked_sub(1).map(|at| &mut memory.texts[at]);
                let text = text.unwrap_or_else(|| panic!("{error}"));
                *text += 1;
                assert!(*text < TEXTS.len(), "no text fits: {error}");
                memory.texts.truncate(asked);
            }
        }
        last = Some(error);
    }
    panic!("no sample fits: {last:?}")
}

fn sample_again<T: DeserializeOwned>(memory: &RefCell<Memory>) -> T {
    memory.borrow_mut().texts.clear();
    sample(memory)
}

/// Answers whatever it is asked for.
#[derive(Clone, Copy)]
struct Maker<'a> {
    memory: &'a RefCell<Memory>,
    /// The field it stands in, if it stands in one.
    field: Option<&'a str>,
}

impl<'a> Maker<'a> {
    fn new(memory: &'a RefCell<Memory>) -> Self {
        Self {
            memory,
            field: None,
        }
    }

    fn text(self) -> &'static str {
        let mut memory = self.memory.borrow_mut();
        let at = memory.asked;
        memory.asked += 1;
        if memory.texts.len() == at {
            memory.texts.push(0);
        }
        TEXTS[memory.texts[at]]
    }

    fn object<'de, V: Visitor<'de>>(
        self,
        fields: &[String],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Object {
            memory: self.memory,
            fields,
            at: 0,
        })
    }
}

macro_rules! numbers {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_u64(1)
        }
    )+};
}

macro_rules! texts {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_str(self.text())
        }
    )+};
}

impl<'de> Deserializer<'de> for Maker<'_> {
    type Error = Error;

    /// The data of a struct variant, or a field of something flattened.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.field {
            Some("data") | None => self.deserialize_map(visitor),
            Some(field) => {
                let value = self.memory.borrow().flattened.get(field).cloned();
                let value = value.unwrap_or(Value::Null);
                value.deserialize_any(visitor).map_err(de::Error::custom)
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(true)
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    texts! { deserialize_str deserialize_string }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // The one list that may not hold what another holds: no day is both off and made up for.
        let len = usize::from(self.field != Some("make_up_days"));
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Elements { maker: self, len })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let fields = self.memory.borrow().fields.clone();
        self.object(&fields, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let without_data = fields == ["type", "data"] && !self.memory.borrow().has_data;
        let asked = if without_data { &fields[..1] } else { fields };
        let fields: Vec<String> = asked.iter().map(|field| (*field).to_owned()).collect();
        self.object(&fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut variant = 0;
        if self.field == Some("type") {
            let mut memory = self.memory.borrow_mut();
            memory.variants = variants;
            variant = memory.variant;
        }
        visitor.visit_enum(Variant {
            maker: self,
            name: variants[variant],
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        f32 f64 char bytes byte_buf unit unit_struct tuple_struct identifier
    }
}

struct Object<'a> {
    memory: &'a RefCell<Memory>,
    fields: &'a [String],
    at: usize,
}

impl<'de> MapAccess<'de> for Object<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(field) = self.fields.get(self.at) else {
            return Ok(None);
        };
        self.at += 1;
        let field: StrDeserializer<'_, Error> = field.as_str().into_deserializer();
        seed.deserialize(field).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Maker {
            memory: self.memory,
            field: Some(&self.fields[self.at - 1]),
        })
    }
}

struct Elements<'a> {
    maker: Maker<'a>,
    len: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.len.checked_sub(1) else {
            return Ok(None);
        };
        self.len = left;
        seed.deserialize(self.maker).map(Some)
    }
}

struct Variant<'a> {
    maker: Maker<'a>,
    name: &'static str,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.maker)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.maker.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.maker.deserialize_struct(self.name, fields, visitor)
    }
}
