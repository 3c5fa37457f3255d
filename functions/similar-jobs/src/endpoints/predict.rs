//! `/v1/predict`: salary, role and cluster of an ad that is in no warehouse.

use std::sync::Arc;

use chrono::Utc;
use common::job::{ContentHash, embedding_text};
use common::learning::Ad;
use common::mask::{mask_pay, states_pay};
use common::pay::Currency;
use common::prediction::PredictionModels;
use common::runtime::http_util::{Body, Problem};
use hyper::Response;
use serde::{Deserialize, Serialize};

use super::{Call, Context, Endpoint, ok_json};
use crate::answer::{milliseconds, to_json};
use crate::embed::EmbedQueue;
use crate::request::values::{Moment, Text, Word, some};
use crate::request::{self, Refusal};
use crate::search_pool::SearchPool;
use crate::served_models::ServedModels;

/// Maximum length of a text, in characters.
const MOST_CHARS: usize = 20_000;
/// Classes in an answer besides the predicted one.
const NEXT_CLASSES: usize = 2;

pub(super) struct Predict {
    models: ServedModels,
    pool: SearchPool,
    embedder: Arc<EmbedQueue>,
}

/// The ad to predict.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAd {
    #[serde(default, deserialize_with = "some")]
    title: Option<Text<MOST_CHARS>>,
    #[serde(default, deserialize_with = "some")]
    description: Option<Text<MOST_CHARS>>,
    #[serde(default, deserialize_with = "some")]
    location: Option<Word>,
    #[serde(default, deserialize_with = "some")]
    company: Option<Word>,
    #[serde(default, deserialize_with = "some")]
    company_id: Option<Word>,
    #[serde(default, deserialize_with = "some")]
    company_industry: Option<Word>,
    #[serde(default, deserialize_with = "some")]
    company_size: Option<Word>,
    #[serde(default, deserialize_with = "some")]
    classification: Option<Word>,
    #[serde(default, deserialize_with = "some")]
    work_type: Option<Word>,
    #[serde(default, deserialize_with = "some")]
    currency: Option<Word>,
    #[serde(default, deserialize_with = "some")]
    source: Option<Word>,
    #[serde(default, deserialize_with = "some")]
    posted: Option<Moment>,
    /// When the ad is seen; now if it is left out.
    #[serde(default, deserialize_with = "some")]
    as_of: Option<Moment>,
}

#[derive(Serialize)]
struct Answer {
    /// For example `salary_predictor/v3`.
    models: Vec<String>,
    took_ms: f64,
    /// Null without a salary model of the currency.
    salary: Option<Salary>,
    /// Null without a role classifier.
    role: Option<Role>,
    /// Null without a clustering.
    cluster: Option<Cluster>,
}

#[derive(Serialize)]
struct Salary {
    currency: String,
    per_month: f64,
    low_per_month: f64,
    high_per_month: f64,
    confidence: f64,
}

#[derive(Serialize)]
struct Role {
    classification: String,
    probability: f64,
    next: Vec<Class>,
}

#[derive(Serialize)]
struct Class {
    classification: String,
    probability: f64,
}

#[derive(Serialize)]
struct Cluster {
    id: u32,
    name: String,
}

impl Predict {
    pub(super) fn new(models: &ServedModels, pool: &SearchPool, embedder: &Arc<EmbedQueue>) -> Self {
        Self { models: models.clone(), pool: pool.clone(), embedder: Arc::clone(embedder) }
    }
}

impl Endpoint for Predict {
    type Request = NewAd;

    const PATH: &'static str = "/v1/predict";
    const OPENAPI: &'static str = include_str!("predict.json");
    const TAKES_POST: bool = true;

    fn parse(&self, call: Call<'_>) -> Result<NewAd, Refusal> {
        let ad: NewAd = match call.body {
            Some(body) => request::json(body)?,
            None => request::query(call.query)?,
        };
        if ad.title.is_none() && ad.description.is_none() {
            return Err(Refusal::whole("an ad without text: expected title, description or both"));
        }
        Ok(ad)
    }

    async fn answer(&self, request: NewAd, context: Context) -> Result<Response<Body>, Problem> {
        let models = self.models.get().await?;
        let ad = self.embedded(request, &models.champions.embedding_space, &context).await?;
        let answer = self.pool.run(move || predict(&models, &ad)).await?;
        let mut answer = answer.map_err(|error| Problem::of_request(&error))?;
        answer.took_ms = milliseconds(context.started.elapsed());
        Ok(ok_json(to_json(&answer)))
    }
}

impl Predict {
    /// The ad with its vectors: a salary model reads that of the text with masked pay.
    async fn embedded(&self, request: NewAd, space: &str, context: &Context) -> Result<Ad, Problem> {
        let mut ad = request.ad();
        let text = embedding_text(Some(&ad.title), Some(&ad.description)).unwrap_or_default();
        ad.content_hash = ContentHash::of(&text).to_string();
        if states_pay(&text) {
            let masked = mask_pay(&text).into_owned();
            ad.masked_embedding = self.embedder.embed(masked, space, context.deadline).await?;
        }
        ad.embedding = self.embedder.embed(text, space, context.deadline).await?;
        Ok(ad)
    }
}

impl NewAd {
    fn ad(self) -> Ad {
        let word = |word: Option<Word>| word.map(|Word(text)| text).unwrap_or_default();
        let text = |text: Option<Text<MOST_CHARS>>| text.map(|Text(text)| text).unwrap_or_default();
        let currency = word(self.currency);
        Ad {
            title: text(self.title),
            description: text(self.description),
            location: word(self.location),
            classification: word(self.classification),
            work_type: word(self.work_type),
            company_name: word(self.company),
            company_id: word(self.company_id),
            company_industry: word(self.company_industry),
            company_size: word(self.company_size),
            source: word(self.source),
            currency: Currency::read(Some(&currency)).name().to_owned(),
            posted: self.posted.map(|Moment(moment)| moment),
            seen: self.as_of.map_or_else(Utc::now, |Moment(moment)| moment),
            ..Ad::default()
        }
    }
}

fn predict(models: &PredictionModels, ad: &Ad) -> common::Result<Answer> {
    let ads = [ad];
    let salary = models.predict_salary_batch(&ads)?.pop().flatten();
    let role = models.predict_role_with_others(&ads, NEXT_CLASSES)?.pop().flatten();
    let cluster = models.predict_cluster_batch(&ads)?.pop().flatten();
    Ok(Answer {
        models: models.champions.names(),
        took_ms: 0.0,
        salary: salary.map(|salary| Salary {
            currency: ad.currency.clone(),
            per_month: salary.salary_per_month,
            low_per_month: salary.low_per_month,
            high_per_month: salary.high_per_month,
            confidence: salary.confidence,
        }),
        role: role.map(|ranked| Role {
            classification: ranked.predicted.classification,
            probability: ranked.predicted.probability,
            next: ranked
                .others
                .into_iter()
                .map(|other| Class { classification: other.classification, probability: other.probability })
                .collect(),
        }),
        cluster: cluster.map(|cluster| Cluster { id: cluster.cluster, name: cluster.name }),
    })
}
