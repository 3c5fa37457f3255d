//! One JSON object per line, with the members that Cloud Logging and Error Reporting use.
//! <https://cloud.google.com/logging/docs/structured-logging>

use std::fmt::Debug;
use std::io::Write;

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::function::Function;
use crate::settings::ProcessSettings;

/// The type that makes Error Reporting process a log line as an error.
const ERROR_TYPE: &str = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent";

/// The event fields of a request, and their names in `httpRequest`.
const HTTP_FIELDS: [(&str, &str); 6] = [
    ("http.method", "requestMethod"),
    ("http.url", "requestUrl"),
    ("http.status", "status"),
    ("http.latency", "latency"),
    ("http.user_agent", "userAgent"),
    ("http.remote_ip", "remoteIp"),
];

/// Writes every event as one line to `writer`.
pub(super) struct CloudLayer<W> {
    /// The project of the trace, so that the log viewer links to it.
    project: Option<String>,
    /// `service` and `version`, by which Error Reporting groups.
    service_context: Value,
    writer: W,
}

impl<W> CloudLayer<W> {
    pub(super) fn new(function: Function, settings: &ProcessSettings, writer: W) -> Self {
        let service = settings.service_name().unwrap_or(function.name);
        Self {
            project: settings.google_cloud_project.clone(),
            service_context: json!({ "service": service, "version": function.version }),
            writer,
        }
    }

    fn line(&self, metadata: &Metadata<'_>, mut fields: Map<String, Value>, scope: Fields) -> Value {
        // The location of the log call, or of the panic that it reports.
        let file = fields.remove("source.file").unwrap_or_else(|| metadata.file().into());
        let line = fields.remove("source.line").unwrap_or_else(|| metadata.line().into());
        let function = metadata.module_path().unwrap_or(metadata.target());
        let location = json!({ "file": file, "line": value_text(&line), "function": function });
        let request: Map<_, _> = HTTP_FIELDS
            .iter()
            .filter_map(|(field, member)| Some(((*member).to_owned(), fields.remove(*field)?)))
            .collect();
        let mut labels = scope.0;
        let trace =
            labels.remove("trace_id").as_ref().and_then(Value::as_str).map(|id| match &self.project {
                Some(project) => format!("projects/{project}/traces/{id}"),
                None => id.to_owned(),
            });
        let span = labels.remove("span_id");
        for label in labels.values_mut() {
            *label = value_text(label).into();
        }
        fields.insert("severity".into(), severity(*metadata.level()).into());
        fields.insert("timestamp".into(), Utc::now().to_rfc3339_opts(SecondsFormat::Nanos, true).into());
        if metadata.level() == &Level::ERROR {
            fields.insert("@type".into(), ERROR_TYPE.into());
            fields.insert("serviceContext".into(), self.service_context.clone());
            let report = json!({ "filePath": file, "lineNumber": line, "functionName": function });
            fields.insert("context".into(), json!({ "reportLocation": report }));
        }
        if !request.is_empty() {
            fields.insert("httpRequest".into(), request.into());
        }
        let members = [
            ("sourceLocation", Some(location)),
            ("trace", trace.map(Value::from)),
            ("spanId", span),
            ("labels", (!labels.is_empty()).then(|| labels.into())),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                fields.insert(format!("logging.googleapis.com/{name}"), value);
            }
        }
        fields.into()
    }
}

impl<S, W> Layer<S> for CloudLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            record.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut scope = Fields::default();
        for span in
            context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root)
        {
            if let Some(fields) = span.extensions().get::<Fields>() {
                scope.0.extend(fields.0.clone());
            }
        }
        let mut line = self.line(event.metadata(), fields.0, scope).to_string();
        line.push('\n');
        // An error of writing the log cannot be logged.
        let _ = self.writer.make_writer().write_all(line.as_bytes());
    }
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG | Level::TRACE => "DEBUG",
    }
}

fn value_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The fields of a span or an event as JSON.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(name) = field.name().strip_suffix("_json")
            && let Ok(nested) = serde_json::from_str(value)
        {
            self.0.insert(name.to_owned(), nested);
        } else if !field.name().starts_with("log.") {
            self.insert(field, value.into());
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if !field.name().starts_with("log.") {
            self.insert(field, value.into());
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no NaN or infinity: they are written as text.
        let number = serde_json::Number::from_f64(value);
        self.insert(field, number.map_or_else(|| value.to_string().into(), Value::Number));
    }
}

#[cfg(test)]
mod tests;
