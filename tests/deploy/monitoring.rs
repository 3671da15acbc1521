//! What Prometheus scrapes and warns of, and what Grafana shows: whole, and of metrics that exist.

use std::collections::{BTreeMap, BTreeSet};

use liandong::services::HOSTINGS;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::promql::{metrics, violations};
use crate::{deploy, settings, text};

fn yaml<T: DeserializeOwned>(path: &str) -> T {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    rules: Vec<Alert>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alert {
    #[serde(rename = "alert")]
    name: String,
    expr: String,
    #[serde(rename = "for", default)]
    lasting: Option<String>,
    labels: Severity,
    annotations: Annotations,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Severity {
    severity: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Annotations {
    summary: String,
    description: String,
}

#[test]
fn every_alert_is_whole_and_of_metrics_that_exist() {
    let metrics = metrics();
    let rules: Rules = yaml("monitoring/alerts.yml");
    let mut seen = BTreeSet::new();
    for group in rules.groups {
        assert_eq!(group.name, "liandong");
        for alert in group.rules {
            let name = alert.name;
            let told = format!(
                "{} {}",
                alert.annotations.summary, alert.annotations.description
            );
            let found = violations(&alert.expr, &told, &metrics);
            assert!(found.is_empty(), "{name}: {found:?}");
            assert!(["warning", "critical"].contains(&alert.labels.severity.as_str()));
            let lasting = alert.lasting.unwrap_or_else(|| "0m".to_owned());
            let minutes = lasting.trim_end_matches(['m', 'h']);
            assert!(minutes.parse::<u32>().is_ok(), "{name}: {lasting}");
            assert!(seen.insert(name.clone()), "{name} stands there twice");
        }
    }
    assert!(seen.len() > 8, "{seen:?}");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prometheus {
    #[serde(rename = "global")]
    _global: serde_json::Value,
    rule_files: Vec<String>,
    scrape_configs: Vec<Job>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Job {
    job_name: String,
    static_configs: Vec<Targets>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Targets {
    targets: Vec<String>,
    labels: BTreeMap<String, String>,
}

#[test]
fn prometheus_scrapes_every_service_where_it_listens() {
    let prometheus: Prometheus = yaml("monitoring/prometheus.yml");
    for file in &prometheus.rule_files {
        assert!(deploy(&format!("monitoring/{file}")).is_file(), "{file}");
    }
    let [job] = prometheus.scrape_configs.as_slice() else {
        panic!("one job");
    };
    assert_eq!(job.job_name, "liandong");
    let scraped: BTreeMap<&str, &[String]> = job
        .static_configs
        .iter()
        .map(|it| (it.labels["service"].as_str(), it.targets.as_slice()))
        .collect();
    assert_eq!(scraped.len(), HOSTINGS.len());
    for hosting in HOSTINGS {
        let listens = settings::of(hosting.name).listen.to_string();
        assert_eq!(scraped[hosting.name], [listens]);
    }
    for it in &job.static_configs {
        let labels: Vec<&str> = it.labels.keys().map(String::as_str).collect();
        assert_eq!(labels, ["region", "service"]);
        assert_eq!(it.labels["region"], "310000");
    }
}

/// Of Grafana's model of a dashboard, what ours uses.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dashboard {
    uid: String,
    title: String,
    schema_version: u32,
    panels: Vec<Panel>,
    templating: Templating,
}

#[derive(Deserialize)]
struct Templating {
    list: Vec<Variable>,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Panel {
    id: u32,
    title: String,
    description: String,
    #[serde(rename = "type")]
    kind: String,
    datasource: Datasource,
    grid_pos: GridPos,
    #[serde(rename = "fieldConfig")]
    _field_config: serde_json::Value,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Datasource {
    #[serde(rename = "type")]
    kind: String,
    uid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GridPos {
    x: u32,
    y: u32,
    w: u32,
    h: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Target {
    ref_id: String,
    expr: String,
    legend_format: String,
}

fn dashboard() -> Dashboard {
    serde_json::from_str(&text("monitoring/dashboard.json")).expect("Grafana's model")
}

#[test]
fn the_dashboard_is_one_that_grafana_can_import() {
    let dashboard = dashboard();
    assert!(!dashboard.uid.is_empty() && dashboard.title.starts_with("Liandong"));
    assert!(dashboard.schema_version >= 36);
    let [variable] = dashboard.templating.list.as_slice() else {
        panic!("one variable: where the metrics come from");
    };
    assert_eq!(variable.kind, "datasource");
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in &dashboard.panels {
        let title = &panel.title;
        assert!(ids.insert(panel.id), "{title}: its id is taken");
        assert!(
            !title.is_empty() && !panel.description.is_empty(),
            "{title}"
        );
        assert!(["timeseries", "stat"].contains(&panel.kind.as_str()));
        assert_eq!(panel.datasource.kind, "prometheus");
        assert_eq!(panel.datasource.uid, format!("${{{}}}", variable.name));
        let GridPos { x, y, w, h } = panel.grid_pos;
        assert!(x + w <= 24 && h > 0, "{title} does not fit");
        let place = (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y)));
        for cell in place {
            assert!(cells.insert(cell), "{title} lies on another");
        }
        let queries: BTreeSet<&str> = panel.targets.iter().map(|it| it.ref_id.as_str()).collect();
        assert_eq!(queries.len(), panel.targets.len(), "{title}");
        assert!(!queries.is_empty(), "{title} shows nothing");
    }
}

#[test]
fn the_dashboard_shows_every_metric_that_exists_and_no_other() {
    let metrics = metrics();
    let dashboard = dashboard();
    let targets = || dashboard.panels.iter().flat_map(|panel| &panel.targets);
    for target in targets() {
        let found = violations(&target.expr, &target.legend_format, &metrics);
        assert!(found.is_empty(), "{}: {found:?}", target.expr);
    }
    for metric in metrics.keys() {
        let shown = targets().any(|target| target.expr.contains(metric.as_str()));
        assert!(shown, "{metric} is not shown");
    }
}
