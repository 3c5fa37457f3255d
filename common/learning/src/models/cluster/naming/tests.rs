use super::*;

/// Ads of one cluster: a title, a classification and how many.
type Group<'a> = (&'a str, &'a str, usize);

fn named(clusters: &[&[Group<'_>]], kept: &[(u32, String)]) -> Vec<Label> {
    let mut ads = Vec::new();
    let mut places = Vec::new();
    for (place, groups) in clusters.iter().enumerate() {
        for (title, class, count) in *groups {
            for _ in 0..*count {
                ads.push(Ad {
                    title: (*title).into(),
                    classification: (*class).into(),
                    location: "London".into(),
                    description: format!("Work as {title} for £300 a day"),
                    ..Ad::default()
                });
                places.push(place as u32);
            }
        }
    }
    let ads: Vec<&Ad> = ads.iter().collect();
    let families: Vec<u32> = (0..ads.len() as u32).collect();
    let ids: Vec<u32> = (0..clusters.len() as u32).collect();
    labels(&NamedAds { ads: &ads, families: &families, places: &places }, &ids, kept)
}

fn names(clusters: &[&[Group<'_>]]) -> Vec<String> {
    named(clusters, &[]).into_iter().map(|label| label.name).collect()
}

#[test]
fn a_classification_that_one_cluster_has_is_its_name() {
    let found = names(&[
        &[("Staff Nurse", "Healthcare & Nursing Jobs", 20), ("Ward Manager", "Healthcare & Nursing Jobs", 5)],
        &[("Java Developer London", "IT Jobs", 20)],
    ]);
    assert_eq!(found, ["Healthcare and nursing", "IT"]);
}

#[test]
fn clusters_of_one_classification_are_named_by_their_roles() {
    let found = names(&[
        &[("Senior Data Analyst (London)", "IT Jobs", 20), ("Business Analyst", "IT Jobs", 15)],
        &[("Software Engineer", "IT Jobs", 20), ("Lead Software Developers - £500", "IT Jobs", 15)],
    ]);
    assert_eq!(found, ["Data and business analysts", "Software engineers and developers"]);
}

#[test]
fn without_classifications_titles_are_enough_and_without_both_a_name_is_still_there() {
    let found = names(&[&[("Care Assistant", "", 9)], &[("", "", 9)], &[("", "", 8)], &[("12345", "", 7)]]);
    assert_eq!(found, ["Care assistants", "Other ads", "Other ads 3", "Other ads 4"]);
}

#[test]
fn longer_roles_stand_for_their_parts_and_vague_roles_for_many_titles() {
    let found = names(&[
        &[("Machine Learning Engineer", "", 20)],
        &[("Consultant", "", 18), ("Technical Consultant (Oracle)", "", 1), ("Strategy", "", 3)],
    ]);
    assert_eq!(found, ["Machine learning engineers", "Consultants"]);
}

#[test]
fn names_are_unique_and_kept_names_stay() {
    let same: &[Group<'_>] = &[("Chef", "Catering", 10), ("Cook", "Catering", 10)];
    let labels = named(&[same, same, &[("Driver", "", 30)]], &[(2, "Chefs".to_owned())]);
    let mut names: Vec<&str> = labels.iter().map(|label| label.name.as_str()).collect();
    assert_eq!(names[2], "Chefs");
    assert!(names.iter().all(|name| !name.is_empty()));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 3, "{labels:?}");
}

#[test]
fn keywords_are_of_the_cluster_and_say_no_place_or_pay() {
    let labels = named(
        &[&[("Senior Data Scientist London", "", 20)], &[("Night Nurse London £20 per hour", "", 20)]],
        &[],
    );
    assert_eq!(labels[0].keywords, ["data scientist"]);
    assert_eq!(labels[1].keywords, ["nurse"]);
}
