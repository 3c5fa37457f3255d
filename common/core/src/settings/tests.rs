use super::*;
use crate::ErrorKind;

crate::string_enum! {
    /// A color.
    enum Color { "red" => Red, "blue" => Blue, }
}

crate::settings! {
    /// Paint of a wall.
    struct Paint, "Paint" {
        /// Color: red, blue
        pub wall_color: Color = "red", flag "color COLOR";
        /// Layers,
        /// on both sides
        pub layers: Whole<1, 9> = "2";
        /// Folder of the pots
        pub pots_dir: PathBuf = "{cache}/pots", given_by Setup;
        /// Who paints
        pub painter: Option<String>, given_by CloudRun;
    }
}

crate::compose_settings! {
    /// A wall and its paint.
    struct Wall {
        /// The paint.
        pub paint: Paint,
        /// No settings.
        pub nothing: (),
    }
}

fn read(variables: &[(&str, &str)]) -> Result<Wall> {
    from_variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn defaults_are_used_for_variables_that_are_not_set() {
    // An empty variable counts as not set; an undeclared variable is ignored.
    let wall = read(&[("HOME", "/home/ada"), ("WALL_COLOR", ""), ("LAYERS", "  "), ("OTHER", "x")]).unwrap();
    assert_eq!((wall.paint.wall_color, wall.paint.layers.get()), (Color::Red, 2));
    assert_eq!(wall.paint.pots_dir, PathBuf::from("/home/ada/.cache/job-market/pots"));
    assert_eq!((wall.paint.painter, wall.nothing), (None, ()));
    let elsewhere = read(&[("HOME", "/home/ada"), ("XDG_CACHE_HOME", "/var/cache")]).unwrap();
    assert_eq!(elsewhere.paint.pots_dir, PathBuf::from("/var/cache/job-market/pots"));
}

#[test]
fn variables_are_read_and_flags_override_them() {
    let variables = [("WALL_COLOR", "blue"), ("LAYERS", " 9 "), ("PAINTER", "ada")];
    let wall = read(&variables).unwrap();
    assert_eq!((wall.paint.wall_color, wall.paint.layers.get()), (Color::Blue, 9));
    assert_eq!(wall.paint.painter.as_deref(), Some("ada"));
    let invalid = Variables::new([("WALL_COLOR".to_owned(), "nonsense".to_owned())]).unwrap();
    let flagged = Wall::read(&invalid.with_flag("wall_color", "blue")).unwrap();
    assert_eq!(flagged.paint.wall_color, Color::Blue);
    let empty =
        Variables::new([("WALL_COLOR".to_owned(), "blue".to_owned())]).unwrap().with_flag("wall_color", " ");
    assert_eq!(Wall::read(&empty).unwrap().paint.wall_color, Color::Blue, "an empty flag counts as not set");
}

#[test]
fn an_invalid_value_is_rejected_with_variable_value_and_expectation() {
    for (variable, value, expected) in [
        ("WALL_COLOR", "Red", "red, blue"),
        ("LAYERS", "0", "a whole number from 1 to 9"),
        ("LAYERS", "1.5", "a whole number from 1 to 9"),
        ("LAYERS", "-1", "a whole number from 1 to 9"),
    ] {
        let error = read(&[(variable, value)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(error.to_string(), format!("invalid {variable} {value:?}: expected {expected}"));
    }
}

#[test]
fn each_value_is_described_with_its_source_and_who_sets_it() {
    let variables = [("LAYERS".to_owned(), "3".to_owned()), ("HOME".to_owned(), "/h".to_owned())];
    let variables = Variables::new(variables).unwrap().with_flag("wall_color", "blue");
    let described = variables.describe(&Wall::variables());
    let expected = json!({
        "WALL_COLOR": { "value": "blue", "source": "flag", "given_by": "operator" },
        "LAYERS": { "value": "3", "source": "environment", "given_by": "operator" },
        "POTS_DIR": { "value": "/h/.cache/job-market/pots", "source": "default", "given_by": "setup" },
        "PAINTER": { "value": null, "source": "unset", "given_by": "cloud-run" },
    });
    assert_eq!(described, expected);
    let about: Vec<&str> = Wall::variables().iter().map(|variable| variable.about.trim()).collect();
    assert_eq!(about[1], "Layers, on both sides");
}

#[test]
fn a_declared_variable_that_is_not_utf8_is_rejected_by_name() {
    use std::os::unix::ffi::OsStringExt;
    let latin1 = || OsString::from_vec(b"caf\xe9".to_vec());
    let from = |name: &str| Variables::from_os([(name.into(), latin1())], &Wall::variables());
    for name in ["WALL_COLOR", "POTS_DIR", "HOME", "GOOGLE_APPLICATION_CREDENTIALS"] {
        let error = from(name).unwrap_err();
        assert_eq!(error.to_string(), format!("invalid {name} \"caf\u{fffd}\": expected text in UTF-8"));
        assert_eq!(error.kind().exit_code(), 2);
    }
    from("LS_COLORS").unwrap();
    Variables::from_os([(latin1(), "x".into())], &Wall::variables()).unwrap();
}
