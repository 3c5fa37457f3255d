//! This library is empty: the tests are the binary `bundle`, whose shared code is in the module `support`.
