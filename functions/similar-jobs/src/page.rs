//! The files of the page, which are embedded in the program.

use std::sync::LazyLock;

use common::runtime::http_util::{Body, content};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

/// A file of the page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Path of its URL.
    pub(crate) path: &'static str,
    pub(crate) media_type: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// A file in `page/`, served under the same path.
macro_rules! file {
    ($path:literal, $media_type:expr) => {
        File {
            path: concat!("/page/", $path),
            media_type: $media_type,
            text: include_str!(concat!("../page/", $path)),
        }
    };
}

/// All files of the page; there is no other list. The document loads the style sheets and `app.js`, which imports
/// the other scripts.
pub(crate) const FILES: &[File] = &[
    File { path: "/", media_type: HTML, text: include_str!("../page/index.html") },
    file!("style.css", STYLE),
    file!("app.js", SCRIPT),
    file!("ads.js", SCRIPT),
    file!("api.js", SCRIPT),
    file!("dom.js", SCRIPT),
    file!("facts.js", SCRIPT),
    file!("format.js", SCRIPT),
    file!("router.js", SCRIPT),
    file!("shell.js", SCRIPT),
    file!("store.js", SCRIPT),
    file!("theme.js", SCRIPT),
    file!("views.js", SCRIPT),
    file!("map/camera.js", SCRIPT),
    file!("map/card.js", SCRIPT),
    file!("map/labels.js", SCRIPT),
    file!("map/legend.js", SCRIPT),
    file!("map/map.css", STYLE),
    file!("map/map.js", SCRIPT),
    file!("map/paint.js", SCRIPT),
    file!("map/pointers.js", SCRIPT),
    file!("map/points.js", SCRIPT),
    file!("map/tip.js", SCRIPT),
    file!("parts/cards.js", SCRIPT),
    file!("parts/combobox.js", SCRIPT),
    file!("parts/message.js", SCRIPT),
    file!("views/similar.js", SCRIPT),
    file!("views/similar/filters.js", SCRIPT),
    file!("views/similar/form.js", SCRIPT),
    file!("views/similar/panel.js", SCRIPT),
    file!("views/similar/results.js", SCRIPT),
    file!("views/similar/search.js", SCRIPT),
];

/// Content security policy: only this service's scripts, styles and endpoints.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A `Link` header with all scripts, sent with the document: the browser requests them at once instead of import by
/// import.
static PRELOADS: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let scripts = FILES.iter().filter(|file| file.media_type == SCRIPT);
    let links: Vec<String> = scripts.map(|script| format!("<{}>; rel=modulepreload", script.path)).collect();
    HeaderValue::try_from(links.join(", ")).ok()
});

impl File {
    /// The response with the file.
    pub(crate) fn answer(&self) -> Response<Body> {
        let mut response = content(StatusCode::OK, self.media_type, self.text);
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (header::CACHE_CONTROL, "no-cache"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Some(preloads) = PRELOADS.clone().filter(|_| self.media_type == HTML) {
            headers.insert(header::LINK, preloads);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The longest line that fits into an editor with two columns.
    const LONGEST_LINE: usize = 120;

    /// Paths of the files in `folder`, as the page's URLs.
    fn on_disk(folder: &Path, url: &str) -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let found = entries.flat_map(|entry| {
            let url = format!("{url}/{}", entry.file_name().into_string().unwrap());
            let is_folder = entry.file_type().unwrap().is_dir();
            if is_folder { on_disk(&entry.path(), &url) } else { BTreeSet::from([url]) }
        });
        found.collect()
    }

    /// The text between `start` and the next `end`, for each occurrence of `start`.
    fn between<'a>(text: &'a str, start: &'a str, end: char) -> impl Iterator<Item = &'a str> {
        text.split(start).skip(1).filter_map(move |rest| rest.split(end).next())
    }

    /// The path of `import`, relative to the importing file at `path`.
    fn resolved(path: &str, import: &str) -> String {
        let mut parts: Vec<&str> = path.split('/').collect();
        parts.pop();
        for part in import.split('/') {
            match part {
                "." => {}
                ".." => drop(parts.pop()),
                name => parts.push(name),
            }
        }
        parts.join("/")
    }

    fn imports(file: &File) -> impl Iterator<Item = String> {
        let named = between(file.text, " from '", '\'').chain(between(file.text, "\nimport '", '\''));
        named.map(|import| resolved(file.path, import))
    }

    fn file(path: &str) -> Option<&'static File> {
        FILES.iter().find(|file| file.path == path)
    }

    #[test]
    fn every_file_of_the_folder_is_listed() {
        let listed: BTreeSet<String> = FILES.iter().map(|file| file.path.replace("/page/", "/")).collect();
        let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
        let mut found = on_disk(&Path::new(&package).join("page"), "");
        assert!(found.remove("/index.html"));
        found.insert("/".to_owned());
        assert_eq!(listed, found);
        assert_eq!(listed.len(), FILES.len(), "a path is listed twice");
    }

    #[test]
    fn every_import_is_served_and_every_script_is_imported() {
        let mut reached = BTreeSet::new();
        let mut next = vec!["/page/app.js".to_owned()];
        while let Some(path) = next.pop() {
            let script = file(&path).filter(|file| file.media_type == SCRIPT);
            next.extend(imports(script.unwrap_or_else(|| panic!("{path} is imported but not served"))));
            next.retain(|import| import != &path && !reached.contains(import));
            reached.insert(path);
        }
        let scripts = FILES.iter().filter(|file| file.media_type == SCRIPT);
        assert_eq!(reached, scripts.map(|file| file.path.to_owned()).collect());
    }

    #[test]
    fn the_document_loads_the_entry_and_every_style_sheet() {
        let document = file("/").unwrap();
        let scripts: Vec<&str> = between(document.text, " src=\"", '"').collect();
        assert_eq!(scripts, ["/page/app.js"]);
        let linked = between(document.text, "<link rel=\"stylesheet\" href=\"", '"');
        let styles = FILES.iter().filter(|file| file.media_type == STYLE).map(|file| file.path);
        assert_eq!(linked.collect::<Vec<_>>(), styles.collect::<Vec<_>>(), "in the order of the cascade");
    }

    #[test]
    fn the_document_names_the_scripts_ahead() {
        let document = file("/").unwrap().answer();
        let links = document.headers()[header::LINK].to_str().unwrap();
        for script in FILES.iter().filter(|file| file.media_type == SCRIPT) {
            assert!(links.contains(&format!("<{}>; rel=modulepreload", script.path)), "{}", script.path);
        }
        assert!(!file("/page/app.js").unwrap().answer().headers().contains_key(header::LINK));
    }

    #[test]
    fn lines_are_short() {
        for file in FILES {
            for (number, line) in file.text.lines().enumerate() {
                let length = line.chars().count();
                assert!(length <= LONGEST_LINE, "{}:{}: {length} characters", file.path, number + 1);
            }
        }
    }
}
