//! Macros that declare settings.

/// Declares a struct of settings: each field is a variable, and its documentation is the help text of the flag.
///
/// The string after the struct's name is the heading of its flags in `--help`. `flag "NAME VALUE"` adds a flag and
/// needs both words: the name of the flag and the name of its value.
///
/// ```
/// common_core::settings! {
///     /// Settings of result pages.
///     pub struct PageSettings, "Pages" {
///         /// Rows per page
///         pub page_rows: common_core::settings::Whole<1, 1000> = "50", flag "page-rows N";
///         /// Port, set by Cloud Run
///         pub port: Option<common_core::settings::Whole<0, 65_535>>, given_by CloudRun;
///     }
/// }
/// let variables = [("PAGE_ROWS".to_owned(), "20".to_owned())];
/// let settings: PageSettings = common_core::settings::from_variables(variables).unwrap();
/// assert_eq!(settings.page_rows.get(), 20);
/// assert!(settings.port.is_none());
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $about_struct:literal])+
        $visibility:vis struct $name:ident, $heading:literal {
            $(
                $(#[doc = $about:literal])+
                pub $field:ident: $type:ty $(= $default:expr)? $(, flag $flag:literal)? $(, given_by $giver:ident)?;
            )+
        }
    ) => {
        $(#[doc = $about_struct])+
        #[derive(Debug, Clone)]
        $visibility struct $name {
            $($(#[doc = $about])+ pub $field: $type,)+
        }

        impl $name {
            const VARIABLES: &'static [$crate::settings::Variable] = &[$(
                $crate::settings::Variable {
                    field: stringify!($field),
                    about: concat!($($about),+),
                    default: $crate::settings!(@first $($default)?),
                    flag: $crate::settings!(@first $($flag)?),
                    heading: $heading,
                    given_by: $crate::settings!(@giver $($giver)?),
                },
            )+];
        }

        impl $crate::settings::Settings for $name {
            fn variables() -> Vec<$crate::settings::Variable> {
                Self::VARIABLES.to_vec()
            }

            fn read(variables: &$crate::settings::Variables) -> $crate::Result<Self> {
                let mut declared = Self::VARIABLES.iter();
                let mut next = || declared.next().ok_or_else(|| $crate::Error::internal("a variable is not declared"));
                Ok(Self { $($field: $crate::settings::Field::read(variables, next()?)?,)+ })
            }
        }
    };
    (@giver) => { $crate::settings::Giver::Operator };
    (@giver $giver:ident) => { $crate::settings::Giver::$giver };
    (@first) => { None };
    (@first $value:expr) => { Some($value) };
}

/// Declares a struct of settings that is composed of other settings structs.
#[macro_export]
macro_rules! compose_settings {
    (
        $(#[doc = $about_struct:literal])*
        $visibility:vis struct $name:ident {
            $($(#[doc = $about:literal])* pub $field:ident: $type:ty,)+
        }
    ) => {
        $(#[doc = $about_struct])*
        #[derive(Debug, Clone)]
        $visibility struct $name {
            $($(#[doc = $about])* pub $field: $type,)+
        }

        impl $crate::settings::Settings for $name {
            fn variables() -> Vec<$crate::settings::Variable> {
                [$(<$type as $crate::settings::Settings>::variables()),+].concat()
            }

            fn read(variables: &$crate::settings::Variables) -> $crate::Result<Self> {
                Ok(Self { $($field: <$type as $crate::settings::Settings>::read(variables)?,)+ })
            }
        }
    };
}

/// Declares an enum whose variants are the valid values of a variable.
#[macro_export]
macro_rules! string_enum {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $name:ident { $($(#[$of_variant:meta])* $text:literal => $variant:ident,)+ }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visibility enum $name { $($(#[$of_variant])* $variant,)+ }

        impl $name {
            /// The value of the variable.
            $visibility const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl $crate::settings::Value for $name {
            fn read(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err([$($text),+].join(", ")),
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
