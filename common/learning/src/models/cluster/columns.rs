//! What an ad states besides its text, as columns beside its vector.

use common_core::fold::fold_name;
use serde::{Deserialize, Serialize};

use super::points::Points;
use crate::ads::Ad;
use crate::features::encoding::Codes;

/// Factor of the columns: how far two ads of different values are apart, where vectors have length 1.
const FACTOR: f32 = 0.3;

/// Reads one value of an ad.
type Read = fn(&Ad) -> &str;
/// The values that become columns.
const READ: [Read; 3] = [|ad| &ad.classification, |ad| &ad.work_type, |ad| &ad.company_industry];

/// One column for each value that at least two ads have, of classification, work type and industry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Columns {
    codes: Vec<Codes>,
}

impl Columns {
    /// Learns the values of `ads`.
    pub fn fit(ads: &[&Ad]) -> Self {
        let rows: Vec<u32> = (0..ads.len() as u32).collect();
        let codes = READ.iter().map(|read| {
            let values: Vec<String> = ads.iter().map(|ad| fold_name(read(ad))).collect();
            Codes::fit(&values, &rows)
        });
        Self { codes: codes.collect() }
    }

    /// `[ads, columns]`; a value that was not learned has no column.
    pub fn transform(&self, ads: &[&Ad]) -> Points {
        let width = self.codes.iter().map(Codes::len).sum();
        let row = |ad: &&Ad| {
            let mut row = vec![0f32; width];
            let mut offset = 0;
            for (codes, read) in self.codes.iter().zip(READ) {
                if let Some(column) = codes.code(&fold_name(read(ad))).checked_sub(1) {
                    row[offset + column as usize] = FACTOR;
                }
                offset += codes.len();
            }
            row
        };
        Points::new(width, ads.iter().map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_two_ads_have_are_columns_whatever_their_case_and_spaces() {
        let ad = |class: &str, work_type: &str| Ad {
            classification: class.into(),
            work_type: work_type.into(),
            ..Ad::default()
        };
        let ads = [ad("Care", "Full time"), ad(" care ", ""), ad("Law", "")];
        let ads: Vec<&Ad> = ads.iter().collect();
        let points = Columns::fit(&ads).transform(&ads);
        assert_eq!((points.width, points.values), (1, vec![FACTOR, FACTOR, 0.0]));
    }
}
