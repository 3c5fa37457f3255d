//! Section: what is in each cluster.

use super::ClusterReport;
use crate::models::cluster::summary::{ClusterSummary, Listed};
use crate::report::html::Section;
use crate::report::numbers::{MISSING, count, count_of, number, percent, signed};
use crate::report::table::Table;

pub(super) fn section(report: &ClusterReport) -> Section {
    let mut section = Section::new("clusters", "Clusters");
    if report.clusters.is_empty() {
        return section;
    }
    section.paragraph(
        "Growth compares a cluster's share of the ads of the last three whole months with its share of the three months \
         before; it needs 10 ads in both.",
    );
    let mut table =
        Table::new("All clusters", &["Cluster", "Ads", "Share", "Growth", "Keywords"]).texts(&[4]);
    for cluster in &report.clusters {
        table.row(vec![
            cluster.label.name.clone(),
            count(cluster.ads.into()),
            percent(cluster.share, 1),
            growth(cluster),
            cluster.label.keywords.join(", "),
        ]);
    }
    section.table(&table);
    for cluster in &report.clusters {
        one(cluster, &mut section);
    }
    section
}

fn growth(cluster: &ClusterSummary) -> String {
    cluster.growth.map_or_else(|| MISSING.to_owned(), |growth| signed(growth, percent(growth, 0)))
}

fn one(cluster: &ClusterSummary, section: &mut Section) {
    let name = &cluster.label.name;
    section.heading(name);
    let size = format!("{}, {} of all", count_of(cluster.ads.into(), "ad", "ads"), percent(cluster.share, 1));
    section.facts(&[
        ("Size", &size),
        ("Growth", &growth(cluster)),
        ("Keywords", &cluster.label.keywords.join(", ")),
    ]);
    let mut pay = Table::new(
        &format!("Stated pay of \"{name}\" per month, middle of the range"),
        &["Currency", "Ads", "Lower quartile", "Median", "Upper quartile", "Mean"],
    );
    for (currency, stated) in &cluster.pay {
        let mut row = vec![currency.clone(), count(stated.ads.into())];
        let amounts = [stated.lower_quartile, stated.median, stated.upper_quartile, stated.mean];
        row.extend(amounts.map(|amount| number(amount, 0)));
        pay.row(row);
    }
    section.table(&pay);
    let mut most = Table::new(
        &format!("Most frequent in \"{name}\", with numbers of ads"),
        &["Title", "Company", "Classification"],
    )
    .texts(&[1, 2]);
    let lists = [&cluster.titles, &cluster.companies, &cluster.classifications];
    for n in 0..lists.map(Vec::len).into_iter().max().unwrap_or_default() {
        most.row(lists.map(|list| list.get(n).map_or_else(String::new, listed)).into());
    }
    section.table(&most);
}

fn listed(listed: &Listed) -> String {
    format!("{} ({})", listed.value, count(listed.ads.into()))
}
