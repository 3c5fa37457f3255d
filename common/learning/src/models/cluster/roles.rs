//! Words of titles: what names a role, and what says nothing about it.

use std::sync::LazyLock;

use rustc_hash::{FxHashMap, FxHashSet};

/// Words that name a role by themselves or with the word before them. Their plural has an s.
pub(super) static ROLES: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
    "accountant actuary administrator adviser advisor agent analyst architect artist assistant associate \
    auditor banker bookkeeper broker builder buyer carer cashier chef chemist cleaner clerk clinician \
    coach consultant controller cook coordinator counsel dentist designer developer director doctor \
    driver editor electrician engineer estimator executive expert fellow geologist handler housekeeper \
    inspector instructor investigator journalist lawyer lecturer machinist manager marketer mechanic \
    merchandiser midwife modeller nurse officer operative operator optometrist optician owner paralegal \
    partner pharmacist physician physiotherapist planner practitioner producer professor programmer \
    psychologist radiographer receptionist recruiter representative researcher scientist secretary \
    solicitor specialist statistician strategist supervisor surgeon surveyor teacher technician \
    technologist tester therapist trader trainer translator tutor underwriter worker writer"
        .split(' ')
        .collect()
});

/// Roles that say little without the word before them.
pub(super) static VAGUE: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
    "administrator adviser advisor agent analyst architect assistant associate consultant controller coordinator \
    director engineer executive expert fellow handler manager officer operative operator owner partner \
    practitioner representative scientist specialist supervisor technician worker"
        .split(' ')
        .collect()
});

/// Words of titles that say nothing about what is done: rank, contract, time, advertising, and the small words.
pub(super) static SILENT: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
    "a ability about above across ad additional after all also am an and annum any apac apply are as asap asia at \
    avp bank based basis be been benefits best bonus both but by can candidate candidates career chief \
    client commission company competitive contract contractor could day days deputy do each eg emea entry europe \
    etc every excellent exciting exp experience experienced f fixed for free freelance from ftc full \
    fulltime g get global good grade graduate great group had has have head high highly home hour \
    hourly hours how hybrid i if ii iii immediate immediately in incl including inner interim intern \
    international internship into is it's its iv job jobs join junior jr k large lead leader leading level looking \
    ltd m maternity may mid middle more month monthly months must near national nationwide need needed new night nights no \
    not now of off on one only opening openings opportunities opportunity or other our out outside own \
    p pa package part parttime pay per perm permanent please pm position post principal prestigious \
    progress pte quickly rate rates regional relief remote required role roles rotation s salary senior shift \
    shifts short should site snr some sr staff start stage step svp talented team temp temporary term \
    that the their these they this time to top trainee two type under up urgent urgently us various \
    vice president vp w wanted we week weekend weekends weeks well what when where which who will with \
    within work working world would year yearly years yr you young your"
        .split(' ')
        .collect()
});

/// Words that are written in capitals, or with some.
const CAPITALS: &[(&str, &str)] = &[
    ("ai", "AI"),
    ("api", "API"),
    ("aws", "AWS"),
    ("bi", "BI"),
    ("bim", "BIM"),
    ("cad", "CAD"),
    ("cloud", "cloud"),
    ("crm", "CRM"),
    ("devops", "DevOps"),
    ("erp", "ERP"),
    ("etl", "ETL"),
    ("gis", "GIS"),
    ("hr", "HR"),
    ("ict", "ICT"),
    ("ios", "iOS"),
    ("it", "IT"),
    ("java", "Java"),
    ("javascript", "JavaScript"),
    ("mi", "MI"),
    ("ml", "ML"),
    ("net", ".NET"),
    ("nlp", "NLP"),
    ("php", "PHP"),
    ("ppc", "PPC"),
    ("pr", "PR"),
    ("python", "Python"),
    ("qa", "QA"),
    ("qc", "QC"),
    ("r&d", "R&D"),
    ("rgn", "RGN"),
    ("rmn", "RMN"),
    ("sap", "SAP"),
    ("sas", "SAS"),
    ("seo", "SEO"),
    ("soc", "SOC"),
    ("sql", "SQL"),
    ("ui", "UI"),
    ("ux", "UX"),
    ("vba", "VBA"),
    ("c++", "C++"),
    ("c#", "C#"),
    ("f&b", "F&B"),
];

/// A phrase of lower-case words as people write it, without a capital at its beginning.
pub(super) fn written(phrase: &str) -> String {
    let word = |word: &str| {
        CAPITALS
            .iter()
            .find(|(plain, _)| *plain == word)
            .map_or_else(|| word.to_owned(), |(_, own)| (*own).to_owned())
    };
    phrase.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// The phrase with a capital at its beginning.
pub(super) fn capitalised(phrase: &str) -> String {
    let mut letters = phrase.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The plural of a role: "nurse" → "nurses", "actuary" → "actuaries".
pub(super) fn plural(role: &str) -> String {
    match role {
        "midwife" => "midwives".to_owned(),
        "counsel" => role.to_owned(),
        _ => match role.strip_suffix('y') {
            Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
            _ => format!("{role}s"),
        },
    }
}

/// The singular of a role in the plural, if the word is one.
pub(super) fn singular(word: &str) -> Option<&'static str> {
    static ROLE_OF: LazyLock<FxHashMap<String, &str>> = LazyLock::new(|| {
        ROLES.iter().flat_map(|role| [((*role).to_owned(), *role), (plural(role), *role)]).collect()
    });
    ROLE_OF.get(word).copied()
}

/// Parts of a name as one phrase: "a, b and c".
pub(super) fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// Roles in the plural as one phrase: what all of them share is said once. `None` if some of them share a word and others do
/// not, or if there are none.
pub(super) fn role_phrase(roles: &[&str]) -> Option<String> {
    let split: Vec<(&str, &str)> =
        roles.iter().map(|role| role.rsplit_once(' ').unwrap_or(("", role))).collect();
    let (before, last) = *split.first()?;
    let is_of_words = split.iter().all(|(before, _)| !before.is_empty());
    let written_all = |parts: Vec<&str>| parts.into_iter().map(written).collect::<Vec<_>>();
    if roles.len() > 1 && is_of_words && split.iter().all(|(_, other)| *other == last) {
        let before = written_all(split.iter().map(|(before, _)| *before).collect());
        return Some(format!("{} {}", listed(&before), plural(last)));
    }
    if roles.len() > 1 && is_of_words && split.iter().all(|(other, _)| *other == before) {
        let lasts: Vec<String> = split.iter().map(|(_, last)| plural(last)).collect();
        return Some(format!("{} {}", written(before), listed(&lasts)));
    }
    let words = |role: &&str| role.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let mut all: Vec<String> = roles.iter().flat_map(words).collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    let phrase = |(before, last): &(&str, &str)| match *before {
        "" => plural(last),
        before => format!("{} {}", written(before), plural(last)),
    };
    (all.len() == count).then(|| listed(&split.iter().map(phrase).collect::<Vec<_>>()))
}

/// The parts of a classification as people say them: without "Jobs", "other" and the like left out.
pub(super) fn class_parts(classification: &str) -> Vec<String> {
    let lower = classification.to_lowercase().replace("information & communication", "information");
    let parts = lower.split(['/', ',', '&']).flat_map(|part| part.split(" and ")).map(|part| {
        let words: Vec<&str> =
            part.split_whitespace().filter(|word| !matches!(*word, "jobs" | "job")).collect();
        words.join(" ")
    });
    let mut parts: Vec<String> = parts
        .filter(|part| !part.is_empty() && !EMPTY_CLASSES.contains(&part.as_str()))
        .map(|part| written(&part))
        .collect();
    // "R&D" and "F&B" were taken apart above.
    if lower.contains("r&d") {
        parts.retain(|part| part != "r" && part != "d");
        parts.push("R&D".to_owned());
    }
    if lower.contains("f&b") {
        parts = vec!["food and beverage".to_owned()];
    }
    parts
}

/// Classifications that name no kind of work.
const EMPTY_CLASSES: &[&str] =
    &["other", "others", "general", "graduate", "part time", "unknown", "miscellaneous"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classifications_become_what_people_say() {
        for (classification, said) in [
            ("Information & Communication Technology", &["information technology"][..]),
            ("Healthcare & Nursing Jobs", &["healthcare", "nursing"]),
            ("IT Jobs", &["IT"]),
            ("Accounting / Auditing / Taxation", &["accounting", "auditing", "taxation"]),
            ("Banking and Finance", &["banking", "finance"]),
            ("Other/General Jobs", &[]),
            (" ", &[]),
        ] {
            assert_eq!(class_parts(classification), said, "{classification}");
        }
    }

    #[test]
    fn what_roles_share_is_said_once() {
        let phrase = |roles: &[&str]| role_phrase(roles).unwrap_or_default();
        assert_eq!(phrase(&["nurse"]), "nurses");
        assert_eq!(phrase(&["data analyst", "business analyst"]), "data and business analysts");
        assert_eq!(phrase(&["data scientist", "data engineer"]), "data scientists and engineers");
        assert_eq!(phrase(&["chef", "sap consultant", "actuary"]), "chefs, SAP consultants and actuaries");
        assert_eq!(phrase(&["care assistant", "care worker", "chef"]), "");
        assert_eq!(phrase(&[]), "");
    }

    #[test]
    fn roles_have_a_plural() {
        assert_eq!(plural("nurse"), "nurses");
        assert_eq!(plural("secretary"), "secretaries");
        assert_eq!(singular("midwives"), Some("midwife"));
        assert_eq!(singular("nursing"), None);
        assert_eq!(capitalised(&written("qa engineers")), "QA engineers");
    }
}
