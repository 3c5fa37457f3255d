//! Which ads count as duplicates, and how words and names match: the same in the index, in the warehouse and in the
//! search by words.

use serde_json::{Value, json};

use crate::support::{Market, Service, ad, results};

fn titled(id: &str, title: &str, company: &str, location: &str) -> Value {
    let mut titled = ad(id, json!(title), [Value::Null, json!(""), json!(" \n")][id.len() % 3].clone(), 1);
    titled["company_name"] = json!(company);
    titled["job_location"] = json!(location);
    titled
}

/// Ids and numbers of reposts of the ads similar to an ad.
fn like(service: &Service, id: &str, more: &Value) -> Vec<(String, u64)> {
    let mut query = json!({ "job": { "source": "MCF", "job_id": id }, "exact": true });
    query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let found = results(&service.similar(&query));
    let name = |job: &Value| (job["job_id"].as_str().unwrap().to_owned(), job["reposts"].as_u64().unwrap());
    found.iter().map(name).collect()
}

#[test]
fn equal_titles_of_different_companies_are_different_ads_and_names_are_case_folded() {
    let market = Market::empty();
    let mut ads = vec![
        titled("a", "Data Engineer", "Alpha", "Zürich"),
        titled("a-again", "Data Engineer", " ALPHA", "ZURICH "),
        titled("b", "Data Engineer", "Beta", "Zu\u{308}rich"),
        titled("b-again", "Data Engineer", "Ｂｅｔａ", "Zug"),
        titled("c", "Data Engineer", "Gämma", "Zug"),
        titled("till", "Cashier", "Alpha", "Zug"),
        titled("no-company", "Data Engineer", "", "Zug"),
        titled("no-company-again", "Data Engineer", " ", "Zug"),
    ];
    // More companies with the same title than the number of requested results.
    ads.extend((0..40).map(|n| titled(&format!("n-{n}"), "Data Engineer", &format!("Employer {n}"), "Bern")));
    for id in ["described", "described-again"] {
        let mut described = ad(id, json!("Data Engineer"), json!("Builds pipelines in Spark"), 1);
        described["company_name"] = json!(id);
        ads.push(described);
    }
    market.load(&ads);
    market.embedded(&[]);
    market.indexed(&[]);
    let (index, warehouse) = (market.serving(&[]), market.serving(&[("SEARCH", "warehouse")]));
    for service in [&index, &warehouse] {
        let all = like(service, "a", &json!({ "top_k": 100 }));
        // Beta, Gamma, the one without a company, forty other companies, the described one, the cashier.
        assert_eq!(all.len(), 45, "{all:?}");
        assert!(!all.iter().any(|(id, _)| id.starts_with('a')), "{all:?}");
        assert_eq!(all.iter().map(|(_, reposts)| reposts).sum::<u64>(), 3, "{all:?}");
        assert_eq!(all.last().unwrap().0, "till", "{all:?}");
        let near = like(service, "a", &json!({ "filter": { "location": "zurich" } }));
        assert_eq!(near, [("b".to_owned(), 0)]);
        let both =
            like(service, "till", &json!({ "filter": { "location": [" ZÜRICH"], "company": "alpha" } }));
        assert_eq!(both.len(), 1, "{both:?}");
        assert_eq!(both[0].1, 1, "{both:?}");
        let gamma = like(service, "a", &json!({ "filter": { "company": "GAMMA" } }));
        assert_eq!(gamma, [("c".to_owned(), 0)]);
        assert!(like(service, "a", &json!({ "filter": { "company": "gam" } })).is_empty());
        let described = like(service, "described", &json!({ "top_k": 100 }));
        assert!(
            described.len() == 45 && !described.iter().any(|(id, _)| id.starts_with('d')),
            "{described:?}"
        );
    }
    for more in
        [json!({ "top_k": 7 }), json!({ "top_k": 7, "include_reposts": true }), json!({ "top_k": 100 })]
    {
        assert_eq!(like(&index, "a", &more), like(&warehouse, "a", &more), "{more}");
    }
    // Two concurrent searches share the open file.
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(like(&warehouse, "a", &json!({ "top_k": 100 })).len(), 45);
                }
            });
        }
    });
}

#[test]
fn an_ad_ranks_first_for_its_own_word() {
    let market = Market::empty();
    let titles = [
        ("R&D Engineer", "r%26d"),
        ("F&B Service Captain", "F%26B"),
        ("M&E Coordinator", "m%26e"),
        ("Café Manager", "cafe"),
        ("资深销售经理", "销售"),
        ("C Programmer", "C"),
        ("R Developer", "R"),
        (".NET Developer", ".NET"),
        ("Ｎｕｒｓｅ", "nurse"),
        ("Rigger", "rig"),
        ("Commis Chef", "commis"),
        ("A&E Nurse", "A%26E"),
    ];
    let mut ads: Vec<Value> = titles
        .iter()
        .enumerate()
        .map(|(n, (title, _))| titled(&n.to_string(), title, "Acme", "Bern"))
        .collect();
    // These titles have no word of the model's vocabulary: without a description the ads have no vector and are in
    // no index.
    ads[4]["job_description"] = json!("Leads a sales team");
    ads[8]["job_description"] = json!("Works on a ward");
    market.load(&ads);
    market.embedded(&[]);
    market.indexed(&[]);
    let service = market.serving(&[]);
    for (n, (title, word)) in titles.iter().enumerate() {
        let encoded: String = word
            .bytes()
            .map(|byte| if byte.is_ascii() { char::from(byte).to_string() } else { format!("%{byte:02x}") })
            .collect();
        let found = service.get(&format!("v1/jobs?q={encoded}")).json;
        assert_eq!(found["jobs"][0]["job_id"], n.to_string(), "{title} by {word}: {found}");
    }
    // Also in a hybrid search.
    let text = json!({ "text": "R&D", "hybrid": true, "top_k": 1 });
    assert_eq!(results(&service.similar(&text))[0]["job_id"], "0");
}
