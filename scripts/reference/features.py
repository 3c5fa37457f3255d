"""The mission's features with scikit-learn's transformers, fitted on training ads alone."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from data import Ads

ONE_HOT = ("classification", "location", "work_type", "company_industry", "company_size", "source")
COMPONENTS = 10
# Rarer values share a column.
RAREST = 5
DAY = 86_400
# Monday is 0; 1970-01-01 was a Thursday. Singapore is 8 hours ahead of UTC.
SINGAPORE = 8 * 3_600


def numeric(ads: Ads, rows: np.ndarray) -> np.ndarray:
    """[rows, 6]: posting date, age when seen, weekend, month, lengths of description and title."""
    posted = ads.posted[rows]
    day = np.floor((posted + SINGAPORE) / DAY)
    month = np.array(day, dtype="datetime64[D]").astype("datetime64[M]").astype(int) % 12 + 1
    lengths = [[len(text) for text in ads.texts[name][rows]] for name in ("description", "title")]
    return np.column_stack([posted / DAY, ads.age_days[rows], (day + 3) % 7 >= 5, month, *lengths]).astype(float)


def categories(ads: Ads, rows: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return np.column_stack([ads.texts[name][rows] for name in names])


def text(ads: Ads, rows: np.ndarray) -> list[str]:
    return [f"{title}\n{body}" for title, body in zip(ads.texts["title"][rows], ads.texts["description"][rows])]


class Tabular:
    """Scaled numbers, one-hot categories, PCA-10 of the embedding and, if `full`, the embedding."""

    def __init__(self, full: bool, seed: int, names: tuple[str, ...] = ONE_HOT):
        self.full, self.names = full, names
        self.numbers = make_pipeline(SimpleImputer(keep_empty_features=True, strategy="median"), StandardScaler())
        self.one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RAREST, sparse_output=False)
        self.pca = PCA(COMPONENTS, random_state=seed)

    def fit(self, ads: Ads, rows: np.ndarray) -> Tabular:
        self.numbers.fit(numeric(ads, rows))
        self.one_hot.fit(categories(ads, rows, self.names))
        if ads.embedding.shape[1]:
            self.pca.fit(ads.embedding[rows])
        return self

    def transform(self, ads: Ads, rows: np.ndarray) -> np.ndarray:
        parts = [self.numbers.transform(numeric(ads, rows)), self.one_hot.transform(categories(ads, rows, self.names))]
        if ads.embedding.shape[1]:
            parts.append(self.pca.transform(ads.embedding[rows]))
            if self.full:
                parts.append(ads.embedding[rows])
        return np.hstack(parts).astype(np.float32)


class Words:
    """TF-IDF of words and pairs of words of title and description."""

    def __init__(self) -> None:
        self.vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)

    def fit(self, ads: Ads, rows: np.ndarray) -> Words:
        self.vectorizer.fit(text(ads, rows))
        return self

    def transform(self, ads: Ads, rows: np.ndarray) -> sparse.csr_matrix:
        return self.vectorizer.transform(text(ads, rows))
