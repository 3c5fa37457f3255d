use super::*;

fn read(text: &str, formats: &[&str]) -> Result<String, String> {
    let formats: Vec<DateFormat> = formats.iter().map(|format| format.parse().unwrap()).collect();
    parse_date(text, &formats).map(|(moment, _)| timestamp::format(&moment))
}

#[test]
fn unambiguous_dates_are_parsed() {
    for (text, expected) in [
        ("1749386430", "2025-06-08T12:40:30Z"),
        ("1749386430000", "2025-06-08T12:40:30Z"),
        ("1749386430123", "2025-06-08T12:40:30.123Z"),
        ("1749386430.0", "2025-06-08T12:40:30Z"),
        ("1749386430.25", "2025-06-08T12:40:30.250Z"),
        ("-1749386430", "1914-07-26T11:19:30Z"),
        ("0", "1970-01-01T00:00:00Z"),
        ("253402214400000", "9999-12-31T00:00:00Z"),
        ("Sun, 08 Jun 2025 12:40:30 +0000", "2025-06-08T12:40:30Z"),
        ("Sun, 08 Jun 2025 12:40:30 GMT", "2025-06-08T12:40:30Z"),
        ("8 Jun 2025 20:40:30 +0800", "2025-06-08T12:40:30Z"),
        ("March 19, 2026", "2026-03-19T00:00:00Z"),
        ("Mar 19, 2026", "2026-03-19T00:00:00Z"),
        ("mar. 19 2026", "2026-03-19T00:00:00Z"),
        ("19 March 2026", "2026-03-19T00:00:00Z"),
        ("19-Mar-2026", "2026-03-19T00:00:00Z"),
        ("Thursday, March 19, 2026", "2026-03-19T00:00:00Z"),
        ("March 19, 2026 9:05 PM", "2026-03-19T21:05:00Z"),
        ("Mar 19, 2026, 12:00:01 AM", "2026-03-19T00:00:01Z"),
        ("19 Sept 2026 23:59 UTC", "2026-09-19T23:59:00Z"),
    ] {
        assert_eq!(read(text, &[]).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn numbers_that_could_be_dates_or_epochs_need_a_date_format() {
    for (text, format, expected) in [
        ("20250131093000", "%Y%m%d%H%M%S", "2025-01-31T09:30:00Z"),
        ("202501310930", "%Y%m%d%H%M", "2025-01-31T09:30:00Z"),
        ("2025013109", "seconds", "2034-03-03T15:38:29Z"),
        ("202501310930", "milliseconds", "1976-06-01T18:21:50.930Z"),
    ] {
        assert!(read(text, &[]).unwrap_err().contains("--date-format %Y%m%d%H"), "{text}");
        assert_eq!(read(text, &[format]).as_deref(), Ok(expected), "{text}");
    }
    // Month 13 does not exist, so that the number can only be an epoch.
    assert_eq!(read("2025133109", &[]).as_deref(), Ok("2034-03-05T00:58:29Z"));
}

#[test]
fn errors_about_ambiguous_dates_suggest_the_flag() {
    for text in
        ["31/12/2025", "01/02/2025", "31.12.2025", "1-2-2025", "12/31/25", "2025/01/31", "31/12/2025 09:30"]
    {
        let error = read(text, &[]).unwrap_err();
        assert!(
            error.contains("order of day and month") && error.contains("--date-format %"),
            "{text}: {error}"
        );
    }
    for text in [
        "20250131",
        "2025013109",
        "202501310930",
        "20250131093000",
        "25340221440000",
        "2025",
        "45678",
        "1",
        "-1",
        "86400000",
        "253402214400",
        "1749386430000000",
        "1e12",
        "1.5",
    ] {
        let error = read(text, &[]).unwrap_err();
        assert!(error.contains("--date-format") || text == "1e12", "{text}: {error}");
    }
    for text in [
        "Friday, March 19, 2026",
        "March 32, 2026",
        "March 2026",
        "March 19",
        "19 March 26",
        "yesterday",
        "13:00 PM March 19, 2026",
    ] {
        assert!(read(text, &[]).is_err(), "{text}");
    }
}

#[test]
fn dates_are_parsed_by_the_date_format() {
    for (text, format, expected) in [
        ("01/02/2025", "%d/%m/%Y", "2025-02-01T00:00:00Z"),
        ("01/02/2025", "%m/%d/%Y", "2025-01-02T00:00:00Z"),
        ("31.12.2025 09:30", "%d.%m.%Y %H:%M", "2025-12-31T09:30:00Z"),
        ("31/12/25", "%d/%m/%y", "2025-12-31T00:00:00Z"),
        ("20250131", "%Y%m%d", "2025-01-31T00:00:00Z"),
        ("31/12/2025 09:30 +0800", "%d/%m/%Y %H:%M %z", "2025-12-31T01:30:00Z"),
        ("12/31/2025 9:30 PM", "%m/%d/%Y %I:%M %p", "2025-12-31T21:30:00Z"),
        ("1749386430000000", "microseconds", "2025-06-08T12:40:30Z"),
        ("86400000", "milliseconds", "1970-01-02T00:00:00Z"),
        ("-1", "seconds", "1969-12-31T23:59:59Z"),
        // ISO 8601 is parsed in addition to the given formats.
        ("2025-01-31", "%d/%m/%Y", "2025-01-31T00:00:00Z"),
    ] {
        assert_eq!(read(text, &[format]).as_deref(), Ok(expected), "{text}");
    }
    assert!(read("31/12/25", &["%d/%m/%Y"]).is_err());
    assert!(read("12/31/2025", &["%d/%m/%Y"]).is_err());
    for format in ["dd/mm/yyyy", "%d/%m", "%Q", "", "%H:%M", "%"] {
        assert!(format.parse::<DateFormat>().is_err(), "{format}");
    }
}
