//! BackendPool against its CRD.

use kube_cel::{CompiledSchema, Validator, compile_schema};
use serde_json::Value;

use super::decode::decode;
use super::defaults::{complete, prune};
use super::metadata;
use super::problem::{FieldPath, Findings, MAX_PROBLEMS, MORE, Problem, Segment};
use super::schema::{Schema, Shape};
use crate::api::{BackendPool, Kind, backend_pool_crd};

/// PoolSchema is the CRD of BackendPool and the schema of metadata, ready to validate.
#[derive(Debug)]
pub struct PoolSchema {
    structure: Schema,
    metadata: Schema,
    rules: CompiledSchema,
    evaluator: Validator,
}

/// Says why the generated CRD cannot be used, which would be a bug in its types.
#[derive(Debug, thiserror::Error)]
#[error("the CRD of BackendPool cannot be used: {0}")]
pub struct UnusableSchema(String);

impl PoolSchema {
    /// Compiles the generated CRD.
    ///
    /// # Errors
    /// Where it holds something that is not known here, which would be a bug in its types.
    pub fn new() -> Result<Self, UnusableSchema> {
        let crd = serde_json::to_value(backend_pool_crd());
        let crd = crd.map_err(|error| UnusableSchema(error.to_string()))?;
        let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema");
        let schema = schema.ok_or_else(|| UnusableSchema("it has no schema".to_owned()))?;
        let rules = compile_schema(schema);
        if rules.has_errors() {
            return Err(UnusableSchema(format!("{:?}", rules.compilation_errors())));
        }
        let structure = Schema::parse(schema).map_err(UnusableSchema)?;
        let metadata = metadata::shape().map_err(UnusableSchema)?;
        Ok(Self { structure, metadata, rules, evaluator: Validator::new() })
    }

    /// Returns the schema of metadata, which is that of every kind.
    pub(super) fn metadata(&self) -> &Schema {
        &self.metadata
    }

    /// Validates one object of kind BackendPool, and returns it with its defaults.
    ///
    /// The status is left out, as the API server does on every write but its own.
    ///
    /// # Errors
    /// Where the API server would refuse the object: each problem with its field.
    pub fn validate(&self, mut object: Value) -> Result<BackendPool, Vec<Problem>> {
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
        }
        complete(&mut object, &self.structure);
        let judged = metadata::judge(&mut object, Kind::BackendPool, &self.metadata);
        let mut problems = judged.into_problems();
        let structure = self.check_structure(&object);
        // As in the API server: rules are about objects whose structure is right.
        let fits = structure.fits();
        problems.extend(structure.into_problems());
        if fits {
            self.prune(&mut object);
            problems.extend(self.check_rules(&object));
        }
        if problems.is_empty() {
            decode(object).map_err(|problem| vec![problem])
        } else {
            Err(problems)
        }
    }

    fn check_structure(&self, object: &Value) -> Findings {
        let mut findings = Findings::default();
        let (Value::Object(fields), Shape::Object { properties, .. }) =
            (object, &self.structure.shape)
        else {
            self.structure.check(object, &mut findings);
            return findings;
        };
        for (name, value) in fields {
            if findings.is_full() {
                break;
            }
            findings.within(Segment::Field(name.clone()), |findings| match properties.get(name) {
                Some(property) => property.check(value, findings),
                None if ["apiVersion", "kind", "metadata"].contains(&name.as_str()) => {}
                None => findings.add_unknown(name, ["metadata", "spec"].into_iter()),
            });
        }
        if !fields.contains_key("spec") {
            findings.within(Segment::Field("spec".to_owned()), |findings| {
                findings.add("is required: it declares the backends");
            });
        }
        findings
    }

    fn check_rules(&self, object: &Value) -> Vec<Problem> {
        let object = without_nulls(object.clone());
        let Err(errors) = self.evaluator.validate_compiled(&self.rules, &object, None) else {
            return Vec::new();
        };
        let mut problems: Vec<Problem> = errors
            .into_vec()
            .into_iter()
            .map(|error| Problem::new(FieldPath::parse(&error.field_path), error.message))
            .collect();
        problems.sort_by_cached_key(|problem| problem.path.to_string());
        if problems.len() > MAX_PROBLEMS {
            problems.truncate(MAX_PROBLEMS);
            problems.push(Problem::at(&[], MORE));
        }
        problems
    }

    /// Drops fields that are not known: rules are not about them.
    fn prune(&self, object: &mut Value) {
        let Some(fields) = object.as_object_mut() else { return };
        let Shape::Object { properties, .. } = &self.structure.shape else { return };
        let kept = |name: &String| {
            properties.contains_key(name)
                || ["apiVersion", "kind", "metadata"].contains(&name.as_str())
        };
        fields.retain(|name, _| kept(name));
        if let (Some(spec), Some(schema)) = (fields.get_mut("spec"), properties.get("spec")) {
            prune(spec, schema);
        }
    }
}

/// Drops fields that are null: to `has` of a rule they are not there.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, field)| !field.is_null());
            fields.map(|(name, field)| (name, without_nulls(field))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
