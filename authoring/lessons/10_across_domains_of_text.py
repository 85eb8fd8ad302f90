# ---
# tl_course:
#   summary: Learn the mood of film reviews, ask about tweets - the 4×4 matrix, several sources, distance, and VADER.
#   minutes: 35
# ---

# %% [markdown]
# # Across domains of text
#
# **When you have finished this lesson you will be able to**
#
# * read a matrix of source domains against target domains the only way that is fair: down a column;
# * say what a score means, and which controls stand beside it;
# * compare one source, several sources and a few labels of your own.
#
# The folded sections go further: what a published score hides, and how far apart two domains are.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# Four kinds of English sentences, all rated by people on one scale from very negative to very positive: **film reviews,
# tweets, product reviews** and **newspaper editorials**. You fine-tune the same BERT four times, each time on a thousand
# labels of one domain (领域). You test each network on all four.
#
# > **Predict.**
# >
# > 1. Film reviews and product reviews are both reviews. Is each the best foreign source for the other?
# > 2. [VADER](https://doi.org/10.1609/icwsm.v8i1.14550) is a list of rated words with a few rules, and is not trained at
# >    all. In which of the four domains does it beat a network that learned *at home*?
# > 3. With the same thousand labels, is it better to take them all from the best single foreign domain, or a third from
# >    each of the three?
# > 4. You have twelve hundred foreign labels. How many labels of your *own* domain are worth as much?
#
# Write down four answers.

# %%
from dataclasses import replace
from itertools import combinations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

import tl_course as tl

env = tl.setup()

# %% [markdown]
# ## Same question, other texts
#
# The task is the same everywhere: is the writer's mood negative or positive? What changes is $P(X)$, the texts. It also
# touches $P(Y \mid X)$ a little: *unpredictable* is praise for a film and a complaint about a phone. Sentences of one
# product review or one editorial never stand on both sides of a split. They share a topic, and a network would be praised
# for having met it. (For films and tweets no documents are known.)

# %%
DOMAINS = ("movies", "tweets", "products", "editorials")
tasks = {}
for domain in DOMAINS:
    options = {"three_class": True, "neutral_up_to": 0.0, "validation": 0.1}
    tasks[domain] = task = tl.data.load("sentiment", domain=domain, **options)
    positive = (task.test.labels == 2).float().mean()
    print(f"{domain:<10} {len(task.train):>5} to learn from,", end=" ")
    print(f"{len(task.test):>5} to test on, {positive:.0%} positive, such as")
    print(
        f"{'':<10}", min(task.train.inputs[:20], key=lambda text: abs(len(text) - 60))
    )

# %% [markdown]
# ## What exactly is the score?
#
# Hutto and Gilbert collected these ratings and made VADER. We use the measure that reproduces their table, nearly:
#
# * the **true class** is the sign of the mean rating: negative, positive, and neutral only if it is exactly zero;
# * the F1 of each class is the harmonic mean of its precision and its recall;
# * the F1 of the classes are averaged with **weights**: each class counts as often as it occurs.


# %%
def weighted_f1(truth, said):
    """Mean of the classes' F1, each weighed by how often the class occurs."""
    total = 0.0
    for c in truth.unique():
        right = ((truth == c) & (said == c)).sum()
        f1 = 2 * right / ((truth == c).sum() + (said == c).sum())
        total += float(f1 * (truth == c).float().mean())
    return total


# %% [markdown]
# VADER gives a `compound` score between minus one and one. Its makers call it positive from
# [+0.05](https://doi.org/10.1609/icwsm.v8i1.14550) up, negative from minus that down, and neutral between. Here its
# makers' own package answers for the tweets:

# %%
score = SentimentIntensityAnalyzer().polarity_scores


def vader(texts):
    """0, 1, 2 for negative, neutral, positive."""
    compound = torch.tensor([score(text)["compound"] for text in texts])
    return 1 + (compound >= 0.05).long() - (compound <= -0.05).long()


names = tasks["tweets"].class_names
truth, said = tasks["tweets"].test.labels, vader(tasks["tweets"].test.inputs)
report = tl.metrics.precision_recall_f1(truth, said, class_names=names)
assert abs(weighted_f1(truth, said) - report.weighted.f1) < 1e-6
print(report)

# %% [markdown]
# Look at *neutral* and its support. In **macro** F1 every class counts the same, so those few texts would decide a third of
# the score.
#
# ## The matrix, live and in small
#
# Fine-tuning four networks takes minutes. In seconds you can do it with **frozen features** (lesson 09): run BERT once
# over some sentences of each domain, mean-pool, and train nothing but a logistic regression.


# %%
def drawn(split, count, seed=0):
    """``count`` texts, half of them negative; as many as there are if None."""
    generator = torch.Generator().manual_seed(seed)
    sides = [(split.labels == label).nonzero().flatten() for label in (0, 2)]
    half = min(map(len, sides)) if count is None else count // 2
    order = [torch.randperm(len(side), generator=generator)[:half] for side in sides]
    return split.subset(
        torch.cat([side[at] for side, at in zip(sides, order, strict=True)])
    )


# %% [markdown]
# This is the one slow cell of the lesson. It prints a line when a domain is done.

# %%
model = tl.models.create(env.text, weights="pretrained").to(env.device)
points, shuffler = {}, torch.Generator()
for domain, task in tasks.items():
    order = torch.randperm(len(task.test), generator=shuffler.manual_seed(0))
    test = task.test.subset(order[: env.examples(160)])
    learn = drawn(task.train, env.examples(200))
    tasks[domain] = replace(
        task, train=learn, validation=task.validation[:0], test=test
    )
    points[domain] = tl.data.features(model, tasks[domain], batch_size=64)
    print(points[domain], flush=True)

# %% [markdown]
# One head for each source, and three **controls**: shuffled labels (the mean of five shuffles), the constant answer
# *positive*, and VADER. All are tested on the same sentences. (`C` was chosen at home, on training texts that were held
# out.)


# %%
def probe(split, labels):
    """A logistic regression on standardised features."""
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=1000))
    return head.fit(split.inputs.numpy(), labels.numpy())


def ask(head, to):
    """A head's answers for the test sentences of a domain."""
    return torch.as_tensor(head.predict(points[to].test.inputs.numpy()))


def scores(answers):
    """Weighted F1 in each domain, of one tensor of answers for each."""
    truths = [points[to].test.labels for to in DOMAINS]
    return [weighted_f1(*pair) for pair in zip(truths, answers, strict=True)]


# %% [markdown]
# The first control learns from the same labels of home in random order:


# %%
def at_home_shuffled(seed):
    """Scores of four probes, each at home, whose labels were shuffled."""
    answers = []
    for to in DOMAINS:
        learn = points[to].train
        order = torch.randperm(len(learn), generator=shuffler.manual_seed(seed))
        answers.append(ask(probe(learn, learn.labels[order]), to))
    return scores(answers)


# %% [markdown]
# Rows are what was learned from, columns what it was tested on.

# %%
learns = {source: points[source].train for source in DOMAINS}
heads = {source: probe(learn, learn.labels) for source, learn in learns.items()}
rows = {name: scores([ask(head, to) for to in DOMAINS]) for name, head in heads.items()}
shuffled = [at_home_shuffled(seed) for seed in range(5)]
rows["home, shuffled labels"] = np.mean(shuffled, axis=0)
always = [torch.full_like(points[to].test.labels, 2) for to in DOMAINS]
rows["always positive"] = scores(always)
rows["VADER"] = scores([vader(tasks[to].test.inputs) for to in DOMAINS])
print(f"{'weighted F1, tested on':<24}", *(f"{domain:>11}" for domain in DOMAINS))
for name, row in rows.items():
    print(f"{name:<24}", *(f"{value:>11.2f}" for value in row))

# %% [markdown]
# Compare home with the first two controls, column by column. The record holds the same for five draws of labels, on all
# test texts. Does yours belong to them?

# %%
for k, domain in enumerate(DOMAINS):
    claim = f"10.labels_matter_{domain}"
    band = tl.records.within_band(claim, rows[domain][k], profile="mini")
    print(f"{domain:<10} {band}")
    rivals = [rows[name][k] for name in ("home, shuffled labels", "always positive")]
    tl.expect(rows[domain][k] > max(rivals), "home must be ahead of these two controls")
    assert band, f"the probe at home on {domain} is outside the recorded band"

# %% [markdown]
# ## The matrix, in earnest
#
# One draw, and few sentences a column: differences of a few points mean nothing in what you just ran. Now the **whole
# network was fine-tuned** on a thousand labels of one domain, or on a third of a thousand from each of the three foreign
# ones. (A tenth of them was held back.) It was tested on all test texts, with three seeds.

# %%
record = tl.records.read("10_matrix").select(profile="mini", target="sentiment")


def recorded(method):
    """Intervals of one row over the four test domains."""
    row = record.select(method=method)
    return [row.select(setting=domain).interval() for domain in DOMAINS]


matrix = {source: recorded(source) for source in DOMAINS}
matrix |= {"three others": recorded("three_others"), "VADER": recorded("vader")}

# %% [markdown]
# Frames mark what was learned at home.

# %%
tl.figures.transfer_matrix(
    matrix,
    DOMAINS,
    score="weighted F1",
    title="On average home beats single sources, except on editorials",
    caption="Recorded: MiniLM, 1,000 labels and 112 steps, 3 seeds, 95% t intervals.",
)

# %% [markdown]
# ### Down a column, never along a row
#
# In a **column** all networks answer for the same texts. The only thing that differs is what they learned from: that is
# an experiment. Along a **row** one network takes four different exams, and the exams are not equally hard. Two reasons
# are printed below. (The last lines belong to your first answer: by how much, seed by seed, products (`gadgets`) lead
# editorials (`papers`) as sources for films.)

# %%
for constant, domain in zip(rows["always positive"], DOMAINS, strict=True):
    rated = torch.tensor([abs(one.rating) for one in tl.data.sentiment.ratings(domain)])
    near = (rated <= 0.5).float().mean()
    print(f"{domain:<10} always positive: {constant:.2f}", end="    ")
    print(f"rated within half a point of zero: {near:.0%}")

gadgets, papers = (
    record.select(method=source, setting="movies").values
    for source in ("products", "editorials")
)
leads = sorted(gadgets[seed] - papers[seed] for seed in gadgets)
assert leads[0] < 0 < leads[1]
assert sum(leads) < 0

# %% [markdown]
# The constant answer *positive* has learned nothing, and yet its score differs widely along its row. And where a mean
# rating lies near zero, its sign is less certain: other raters might have flipped it. So "the film network
# is worse on editorials than on films" says nothing about transfer.
#
# Down a column you may compare. Home is ahead of the source that is best on average, on
# films[^10.home_beats_foreign_movies] and on products.[^10.home_beats_foreign_products] On editorials, tweets do about as
# well as home.[^10.home_equals_foreign_editorials]
#
# Now your first answer. On product reviews, films come last of the foreign sources. On films, product reviews beat
# editorials with two seeds of three. With the third they lose by more than they won with the other two: three seeds do
# not tell which is better. Your second answer: on films BERT from home is far ahead of VADER,[^10.bert_beats_vader] and
# the matrix shows the same on products and editorials. (Part of that is silence: VADER may answer *neutral*, which is
# almost never the true class, and no network here does.) On tweets VADER is ahead.[^10.vader_beats_bert_tweets]
#
# VADER was made with tweets in view (see the folded section), so tweets are *its* home.
#
# ### When transfer goes wrong
#
# Look at the ± in the column *tweets*. Here are the seeds one by one:

# %%
probes = tl.records.read("10_probes").select(profile="mini", target="sentiment")
constant = probes.select(method="always_positive", setting="tweets").mean
print(f"tested on tweets; the constant answer scores {constant:.2f}")
for source in DOMAINS:
    here, home = (record.select(method=source, setting=to) for to in ("tweets", source))
    told = " ".join(f"{value:.2f}" for value in here.values.values())
    at_home = " ".join(f"{value:.2f}" for value in home.values.values())
    print(f"{source:<10} {told}    at home: {at_home}")
low, level, high = sorted(
    record.select(method="movies", setting="tweets").values.values()
)
assert low < constant - 0.01
assert abs(level - constant) < 0.01
assert high > constant + 0.1

# %% [markdown]
# Of the three networks from films, one scores below answering *positive* without reading. The difference is small: other
# test texts might turn it round. The second is level with the constant, and the third is well ahead. To do worse *with* a
# source than without it is **negative transfer** (负迁移). One network that comes so near it is a warning, and no proof.
# **No test at home would have told you**: at home all three score alike.
#
# ## Several sources, and a few labels of your own
#
# Your third answer stands in the row *three others* of the matrix. In numbers:

# %%
for to in DOMAINS:
    single = [record.select(method=s, setting=to).mean for s in DOMAINS if s != to]
    pool = record.select(method="three_others", setting=to).mean
    print(
        f"{to:<10} single foreign sources {min(single):.2f} to {max(single):.2f}",
        end="; ",
    )
    print(f"a third from each {pool:.2f}")
    assert min(single) + 0.03 < pool, "the pool must be clear of the worst"
    assert abs(pool - max(single)) < 0.03, "the pool must be near the best"

# %% [markdown]
# At the same number of labels, the pool stays near the best single source and clear of the worst. You do not know
# beforehand which source is which, and with a pool you need not. It is an **insurance**.
#
# And what if somebody labels a few sentences of the *target*? Here are frozen features again, since five draws of five
# budgets then cost seconds. Foreign and own labels go into one pool. (In the record, 400 labels of a domain go by the
# domain's name.)


# %%
BUDGETS = (20, 50, 100, 200, 400)


def curve(name, domain):
    """Intervals over the budgets; 400 labels of a domain stand under its own name."""
    own = [
        domain if name == "{}_labels" and n == 400 else name.format(n) for n in BUDGETS
    ]
    return [probes.select(method=method, setting=domain).interval() for method in own]


# %% [markdown]
# Three lines a panel:

# %%
LINES = {
    "target_only": ("{}_labels", "target labels alone"),
    "fine_tune": ("three_others_and_{}", "pooled with 1,200 of three others"),
    "source_only": ("three_others", "three others alone"),
}
curves = {
    to: {look: curve(name, to) for look, (name, _) in LINES.items()} for to in DOMAINS
}
for of in curves.values():
    both = zip(of["fine_tune"], of["target_only"], strict=True)
    gaps = [pool.mean - own.mean for pool, own in both]
    assert gaps[1] > 0, "at fifty labels the pool is ahead"
    assert gaps[0] > gaps[-1], "and the gap is smaller at four hundred than at twenty"
    others, own = of["source_only"][0].mean, of["target_only"]
    assert own[1].mean < others < own[-1].mean, "the lines cross between 50 and 400"

# %% [markdown]
# Find in each panel where the line of the target's own labels crosses that of the three others.

# %%
tl.figures.method_panels(
    curves,
    BUDGETS,
    labels={look: words for look, (_, words) in LINES.items()},
    logarithmic=True,
    title="For a probe, 50 to 400 labels of your own are worth 1,200 from elsewhere",
    xlabel="labels of the target domain",
    ylabel="weighted F1",
    caption="Recorded: linear probes of MiniLM, 5 seeds, 95% t intervals.",
)

# %% tags=["claim"]
tl.records.claim("10.pool_helps_few_labels", profile="mini")

# %% [markdown]
# That is your fourth answer: the lines cross between fifty and four hundred. Beside fifty labels of your own the foreign ones
# are a gift in every panel, on average over five draws. At four hundred the gap is smaller than at twenty. (A cell asserted
# all three.) Only a test on some labels of your own tells where *your* domain stands.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Ten minutes for the score and VADER, fifteen for the matrix and its reading, ten for pool and
# budget; the folded sections take twenty. Collect the four predictions on the board. Usual wrong answers: "reviews help
# reviews most"; "more sources are more knowledge". While the features are computed, ask: *which of the three controls can
# score above a trained network, and what would that mean?* (The constant answer can, where classes are uneven.) A good
# exercise for the room is to find two cells in one row and argue why their difference says nothing.

# %% [markdown]
# ## What to remember
#
# * Read a matrix of domains **down a column**: same test texts, other training. Along a row the exams differ.
# * A score needs its definition and its controls: which true classes, which average, the constant answer, shuffled labels,
#   and what its authors had seen.
# * A pool of several sources is an insurance. For a probe, fifty to four hundred labels of your own were worth twelve
#   hundred from elsewhere. So **label a few, measure, then decide**.

# %% [markdown]
# ## Check yourself
#
# Choose first, then open.
#
# **1. A network learned from tweets scores higher on product reviews than on editorials. A colleague concludes: "tweets
# are nearer to product reviews." You say:**
#
# <details><summary>Right: a higher score is a smaller loss.</summary>Not this. It is another exam; even the constant answer
# scores differently on the two.</details>
# <details><summary>Compare each score with what other sources reach on the same test.</summary><b>Right.</b> A loss is a
# difference down a column.</details>
# <details><summary>Only the distance of the domains can tell.</summary>Not this. It says whether the texts look different,
# not whether sentiment is carried over.</details>
#
# **2. You have twelve hundred labels from three other domains, and money for fifty of your own. You would**
#
# <details><summary>train on the fifty alone; foreign labels can only hurt.</summary>Not this. Look at the panels: at fifty,
# the pool was ahead in every domain.</details>
# <details><summary>train on the twelve hundred alone; fifty do not matter.</summary>Not this. Fifty also let you
# <i>measure</i>.</details>
# <details><summary>train on the twelve hundred and most of the fifty, and test on the rest of your own.</summary>
# <b>Right.</b> Without a test from home you would not notice that a source fails. (Look at its interval: so few texts show
# a disaster, and no difference of a few points.)</details>
#
# **3. A paper reports that its lexicon, "without any training", scores higher than networks on the domain its authors collected. What
# do you ask first?**
#
# <details><summary>How large the networks were.</summary>Not this, at first. Ask it second.</details>
# <details><summary>Whether the lexicon and its rules were made from texts of this domain, and who rated them.</summary>
# <b>Right.</b> Then it is an in-domain score, like that of a network at home.</details>
# <details><summary>Nothing: what is not trained cannot overfit.</summary>Not this. Rules are fitted, too, by
# people.</details>

# %% [markdown] tags=["further"]
# ## What a published score hides
#
# ### Why not macro F1?
#
# Suppose a network that is right about every tweet of the test but the neutral class:

# %%
full = tl.data.load("sentiment", domain="tweets", **options)
truth = full.test.labels
almost = truth.clone()
almost[truth == 1] = 2  # calls the neutral ones positive
for name, answer in (("all right", truth), ("all right but the neutral", almost)):
    result = tl.metrics.precision_recall_f1(truth, answer)
    print(f"{name:<26} weighted {result.weighted.f1:.3f}, macro {result.macro.f1:.3f}")
print("texts that differ:", int((truth != almost).sum()), "of", len(truth))

# %% [markdown]
# A third of the macro score hangs on those few texts. Under this measure macro F1 is noise. (Lesson 09 has another
# three-class task: neutral is everything rated near zero. There neutral is a real class and macro F1 is right. It is
# another task with other true classes; its numbers must never stand in one table with these.)
#
# ### VADER, recomputed
#
# [The paper](https://doi.org/10.1609/icwsm.v8i1.14550) leaves the true class and the average open; our choice is the one
# that comes out at its table. Its row was measured on *all* texts, so here we take all of them, too.

# %%
for domain in DOMAINS:
    full = tl.data.load("sentiment", domain=domain, **options)
    parts = [full.train, full.validation, full.test]
    truth = torch.cat([part.labels for part in parts])
    said = vader([text for part in parts for text in part.inputs])
    sided = said != 1
    share, right = sided.float().mean(), (said[sided] == truth[sided]).float().mean()
    print(f"{domain:<10} weighted F1 {weighted_f1(truth, said):.2f}", end=" ")
    print(f"on {len(truth):>6,} texts; takes a side in {share:.0%} of them,", end=" ")
    print(f"and is right in {right:.0%} of these")

# %% [markdown]
# Beside it what [Hutto and Gilbert published](https://doi.org/10.1609/icwsm.v8i1.14550), tables 4 and 5:
#
# | published F1, tested on | movies | tweets | products | editorials |
# |---|---|---|---|---|
# | VADER | [0.61](https://doi.org/10.1609/icwsm.v8i1.14550) | [0.96](https://doi.org/10.1609/icwsm.v8i1.14550) | [0.63](https://doi.org/10.1609/icwsm.v8i1.14550) | [0.55](https://doi.org/10.1609/icwsm.v8i1.14550) |
# | a single human rater | [0.92](https://doi.org/10.1609/icwsm.v8i1.14550) | [0.84](https://doi.org/10.1609/icwsm.v8i1.14550) | [0.85](https://doi.org/10.1609/icwsm.v8i1.14550) | [0.65](https://doi.org/10.1609/icwsm.v8i1.14550) |
# | naive Bayes, trained on movies | [0.75](https://doi.org/10.1609/icwsm.v8i1.14550) | [0.56](https://doi.org/10.1609/icwsm.v8i1.14550) | [0.49](https://doi.org/10.1609/icwsm.v8i1.14550) | [0.44](https://doi.org/10.1609/icwsm.v8i1.14550) |
# | naive Bayes, trained on tweets | [0.53](https://doi.org/10.1609/icwsm.v8i1.14550) | [0.84](https://doi.org/10.1609/icwsm.v8i1.14550) | [0.53](https://doi.org/10.1609/icwsm.v8i1.14550) | [0.42](https://doi.org/10.1609/icwsm.v8i1.14550) |
#
# Ours are close and not equal: the package's word list has grown since, which may be the reason. And you see where VADER
# loses. On products and editorials it mostly loses by *silence*: where no word of a text is on its list it answers neutral,
# which is almost never the true class. On films it mostly takes a side and is wrong: *a thrilling mess* holds a good word and
# a bad one, and counts as good. And single humans, too, reach only [0.65](https://doi.org/10.1609/icwsm.v8i1.14550) on editorials.
#
# > **Check yourself.** Under the paper's measure, why is macro F1 noise on tweets?
# >
# > <details><summary>Answer</summary>A class with hardly any texts gets a third of the weight. One text more or less moves
# > the score a great deal.</details>
#
# ### Why tweets are VADER's home
#
# VADER is "not trained", but it was *made* with tweets in view. [The paper](https://doi.org/10.1609/icwsm.v8i1.14550) says
# how:
#
# * emoticons, slang and abbreviations were put on the list, and ten people rated each word, on the scale and with the
#   screen on which others later rated the texts (section 3.1);
# * its five rules were found by reading 800 tweets (section 3.2);
# * 200 of the 4,200 "tweets" were written by the authors to test those rules: one sentence with one and three exclamation
#   marks, in small and in capital letters, and so on (section 3.3).
#
# The score on tweets is thus an in-domain score, like those that our networks reach at home. The third point may
# lift a *trained* network, too, if twins of one tweet stand on both sides of the split:


# %%
def bare(text):
    """Words only: no capitals, no punctuation."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


for domain in DOMAINS:
    full = tl.data.load("sentiment", domain=domain, **options)
    known = {bare(text) for text in full.train.inputs}
    twins = sum(bare(text) in known for text in full.test.inputs)
    print(f"{domain:<10} {twins:>3} of {len(full.test):>5} test texts", end=" ")
    print("have a twin to learn from")

# %% [markdown]
# A network that learned from all training tweets could remember about one test tweet in twenty. Keep it in mind.

# %% [markdown] tags=["further"]
# ## What do the failing heads get wrong?
#
# The frozen probes from films and products scatter on tweets as well; one of five from products falls below the constant.
# The live heads:

# %%
truth = points["tweets"].test.labels
print(f"truth: {(truth == 2).float().mean():.0%} positive")
for source in DOMAINS:
    said = ask(heads[source], "tweets")
    right, positive = (said == truth).float().mean(), (said == 2).float().mean()
    print(f"learned from {source:<10} says positive {positive:.0%}, right {right:.0%}")

# %% [markdown]
# Every head learned from as many negative as positive texts. Compare how often each says *positive* with the truth. A guess
# at the reason: a tweet that is merely cheerful has little of what makes a review a good one.

# %% [markdown] tags=["further"]
# ## A hundred labels of your own, with whole networks
#
# Two of the texts that this course grew from (000 and 002) name a further kind of transfer: from several sources. Whole
# networks were fine-tuned, too: on a hundred labels of the target alone (of which ninety were learned from), or on three
# others first and then on these.

# %%
print(f"{'weighted F1, tested on':<24}", *(f"{domain:>14}" for domain in DOMAINS))
for method in ("three_others", "100_labels", "three_others_then_100"):
    cells = [f"{one.mean:.2f} ± {one.half_width:.2f}" for one in recorded(method)]
    print(f"{method.replace('_', ' '):<24}", *(f"{cell:>14}" for cell in cells))
before, after = (
    record.select(method=method, setting="editorials").values
    for method in ("three_others", "three_others_then_100")
)
assert all(after[seed] < before[seed] for seed in before)

# %% tags=["claim"]
tl.records.claim("10.own_100_beat_others_tweets", profile="mini")

# %% tags=["claim"]
tl.records.claim("10.others_beat_own_100_editorials", profile="mini")

# %% [markdown]
# On editorials a hundred labels after the others hurt a little, with each of the three seeds (a cell asserted it). A guess
# at the reason: nearly half of those labels are near accidents, and the network follows them.

# %% [markdown] tags=["further"]
# ## How far apart are two domains?
#
# If the distance could be measured beforehand, we could choose the source by it, without a label. The **proxy
# A-distance** (代理 A 距离) of
# [Ben-David and others](https://papers.nips.cc/paper/2006/hash/b1b0432ceafb0ce714426e9114852ac7-Abstract.html)
# asks a classifier to tell the *domains* apart. If $\epsilon$ is its error on examples that it did not see,
#
# $$\hat d_A = 2\,(1 - 2\epsilon):$$
#
# zero if it can only guess, two if it never errs. In the open, on the frozen features; with only one sentence of each
# document, lest a review be recognised by its other sentences:


# %%
def one_each(split):
    """Features of one sentence of each document."""
    documents = range(len(split)) if split.groups is None else split.groups.tolist()
    first = {
        document: place for place, document in reversed(list(enumerate(documents)))
    }
    return split.inputs[sorted(first.values())].double().numpy()


# %% [markdown]
# The classifier is asked about texts of five folds, one after the other.


# %%
def apart(one, other, judge):
    """Proxy A-distance of two matrices of features, by five-fold cross-validation."""
    x, domain = np.concatenate([one, other]), np.repeat([0, 1], [len(one), len(other)])
    wrong = np.zeros(len(x))
    for learn, check in StratifiedKFold(5, shuffle=True, random_state=0).split(
        x, domain
    ):
        said = judge.fit(x[learn], domain[learn]).predict(x[check])
        wrong[check] = said != domain[check]
    return 2 * (1 - (wrong[domain == 0].mean() + wrong[domain == 1].mean()))


# %% [markdown]
# Now the package's verb, which agrees, and the control: a domain against itself.

# %%
texts = {domain: one_each(points[domain].train) for domain in DOMAINS}
judge, verb = LogisticRegression(max_iter=1000), tl.adaptation.proxy_a_distance
for one, other in combinations(DOMAINS, 2):
    value = verb(texts[one], texts[other], classifier=judge)
    assert abs(apart(texts[one], texts[other], judge) - value) < 1e-9
    print(f"{one:<9} - {other:<11} {value:z.2f}")
halves = verb(texts["movies"][::2], texts["movies"][1::2], classifier=judge)
print(f"films - other films     {halves:z.2f}")

# %% [markdown]
# Every pair is far apart: it is easy to tell a tweet from an editorial. Yet some are nearer than others. Does the nearest
# source have the smallest **loss**, home minus foreign in the same column? Distances here are recorded ones.

# %%
far = tl.records.read("10_a_distance").select(profile="mini", target="sentiment")
pairs = [(source, to) for to in DOMAINS for source in DOMAINS if source != to]
between = {
    pair: far.select(method=pair[0], setting=pair[1]).mean
    for pair in combinations(DOMAINS, 2)
}
distance = {(a, b): between.get((a, b), between.get((b, a))) for a, b in pairs}
score_of = {
    (a, b): record.select(method=a, setting=b).mean for a in DOMAINS for b in DOMAINS
}
loss = {(a, b): score_of[b, b] - score_of[a, b] for a, b in pairs}
for to in DOMAINS:
    near = sorted((pair for pair in pairs if pair[1] == to), key=distance.get)
    told = [f"{a} ({distance[a, b]:.2f}) loses {loss[a, b]:z.2f}" for a, b in near]
    print(f"to {to:<10} nearest first: {', '.join(told)}")

# %% [markdown]
# The same as a picture: twelve points, but only six distances. A distance is the same in both directions, and a loss is
# not.

# %%
looks = tl.figures.style
fig, ax = tl.figures.axes(7.6, 4.4)
for (source, to), x in distance.items():
    y, k = loss[source, to], DOMAINS.index(to)
    mark = {"edgecolors": looks.CYCLE[k], "marker": looks.MARKERS[k]}
    ax.scatter(x, y, s=70, linewidths=2, facecolors="none", **mark)
    left = x < 1.75 or source in ("tweets", "editorials")  # so no name hides a mark
    side, aside = ("right", -0.008) if left else ("left", 0.008)
    ax.text(x + aside, y, f"{source} → {to}", fontsize=8.5, va="center", ha=side)
ax.axhline(0, color="#6B7278", linewidth=1)
ax.set(xlim=(1.5, 2), ylabel="loss against home (weighted F1)")
_ = ax.set_xlabel("proxy A-distance (2: always told apart)")

# %% [markdown]
# Look for a distance at which the losses differ widely.

# %%
title = "The same distance, and losses from nothing to nearly a third"
looks.headline(fig, title)
read = [
    f"{a} to {b}: distance {distance[a, b]:.2f}, loss {loss[a, b]:z.2f}"
    for a, b in pairs
]
tl.figures.show(
    fig,
    alt=f"Twelve points. Equal distances, very different losses. {'; '.join(read)}.",
    caption="Recorded: distances over 5 seeds, losses over 3.",
)

# %% [markdown]
# You choose a source for *one* target, so read column by column. For films and for products the nearest source loses
# least. For tweets, products and editorials are equally near, and one loses twice what the other loses. For editorials the
# second nearest loses least. In no column is the farthest best. Four columns are few: the distance is a hint, and a few
# labels of your own are a measurement. From films to tweets about three times as much is lost as from tweets to films.
#
# The distance sees *that* texts differ, and not whether they differ in anything that matters for the mood. It is one term
# of a bound (lesson 13), and the other terms are not small here.

# %% [markdown]
# ## Sources
#
# * C. J. Hutto, E. Gilbert: [*VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media
#   Text*](https://doi.org/10.1609/icwsm.v8i1.14550), ICWSM 2014; texts and ratings from
#   [their repository](https://github.com/cjhutto/vaderSentiment) (MIT).
# * S. Ben-David, J. Blitzer, K. Crammer, F. Pereira: [*Analysis of Representations for Domain
#   Adaptation*](https://papers.nips.cc/paper/2006/hash/b1b0432ceafb0ce714426e9114852ac7-Abstract.html), NIPS 2006.
# * J. Blitzer, M. Dredze, F. Pereira: [*Biographies, Bollywood, Boom-boxes and
#   Blenders*](https://aclanthology.org/P07-1056/), ACL 2007: four kinds of product reviews, the matrix that made this
#   question famous, and the A-distance to choose by.
# * B. Pang, L. Lee: [*A Sentimental Education*](https://aclanthology.org/P04-1035/), ACL 2004 (films); M. Hu, B. Liu:
#   [*Mining and Summarizing Customer Reviews*](https://doi.org/10.1145/1014052.1014073), KDD 2004 (products).
# * W. Wang and others: [*MiniLM*](https://arxiv.org/abs/2002.10957), NeurIPS 2020, and
#   [*all-MiniLM-L6-v2*](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2).
#
# **Next:** lesson 12 has a small network learn from a large one. (Lesson 11, about moving hardly any weights of such a
# network, is yet to come.)
