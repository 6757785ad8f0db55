"""What the service says: the `data` of its CloudEvents, and the dead letter.

Money is decimal text in the shop's currency, times are RFC 3339 in UTC, rates are numbers in percent, null = not enough
evidence unless the field says otherwise.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from schemas.kinds import Kind
from schemas.scales import ALL_IN_WORDS, SCALES, in_words
from schemas.wire_types import LocalDate, Money, UtcTime, WireModel


def _announced(name: str) -> str:
    return Kind(name).value


KindName = Annotated[str, AfterValidator(_announced), Field(json_schema_extra={"enum": [kind.value for kind in Kind]})]
"""Spelt out in the documents where it is used, as consumers have always seen it."""
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]
NpsScore = Annotated[int, Field(ge=SCALES["nps"][0], le=SCALES["nps"][1])]
CsatScore = Annotated[int, Field(ge=SCALES["csat"][0], le=SCALES["csat"][1])]
CesScore = Annotated[int, Field(ge=SCALES["ces"][0], le=SCALES["ces"][1])]


class _Outreach(WireModel):
    decision_id: str = Field(description="The same customer, episode, kind and rung always give the same id.")
    customer_id: str = Field(description="Who.")
    episode_id: str = Field(description="Which absence: the local date of the visit it began with.")
    kind: KindName = Field(description="Why the customer is written to.")
    rung: str = Field(description="Step of the ladder, as the policy names it.")


class _Explained(_Outreach):
    detected_at: UtcTime = Field(description="When the rung came due.")
    decided_at: UtcTime = Field(
        description="Stream time of the decision; later than detected_at after an outage or a deferral."
    )
    quiet_since: UtcTime = Field(description="The last visit.")
    usual_gap_days: NotNegative = Field(description="Typical days between two visits of this customer.")
    current_gap_days: NotNegative = Field(description="Days of silence at detected_at.")
    tail_probability: Probability = Field(
        description="Share of this customer's healthy gaps that last at least this long, 0–1."
    )
    churn_risk: Probability | None = Field(
        description="1 − P(still a customer), 0–1; chance that they have left for good."
    )
    expected_visit_at: UtcTime = Field(description="When the next visit was usual: last visit + usual gap.")
    visits: Count = Field(description="Visits so far.")
    orders: Count = Field(description="Orders so far.")
    customer_since: UtcTime = Field(description="First visit.")
    currency: str = Field(description="ISO 4217 code of every amount in this record.")
    lifetime_value: Money = Field(description="Revenue so far, net of refunds.")
    value_at_risk: Money | None = Field(
        description="What this customer's pace would bring in 365 days × churn risk; null = either is unknown."
    )
    favourite_items: Texts = Field(description="Most bought items, most frequent first; empty = unknown.")
    last_items: Texts = Field(description="Items of the last visit; empty = unknown.")
    latest_nps: NpsScore | None = Field(description=f"Latest NPS answer, {in_words('nps')}; null = never answered.")
    latest_csat: CsatScore | None = Field(description=f"Latest CSAT answer, {in_words('csat')}; null = never answered.")
    first_name: str | None = Field(description="How to address the customer; null = unknown.")
    locale: str | None = Field(description="BCP 47; null = unknown, use the shop's.")
    offer: str = Field(description="Offer code of the rung; empty = none.")
    template: str = Field(description="Template key of the rung.")
    expires_at: UtcTime = Field(description="Do not act from this time on.")
    sentence: str = Field(
        description="The reason in one sentence for a person, in the customer's language where it ships, else in the shop's."
    )

    occasion: str | None = Field(
        None,
        description="What identifies a message that no silence brings: number of the visit (milestone), ISO week (delight), "
        "day of the visit (follow_up), order or instant (feedback_request), answer (service_recovery); null = a silence.",
    )
    occasion_at: UtcTime | None = Field(None, description="When what it is about happened; null = a silence.")
    order_id: str | None = Field(None, description="The order it is about; null = none, or not known.")
    survey: Literal["nps", "csat", "ces"] | None = Field(
        None, description="The survey that was answered (service_recovery) or is asked for (feedback_request)."
    )
    score: Annotated[int, Field(ge=0, le=10)] | None = Field(None, description="What was answered; null = nothing was.")
    survey_url: str | None = Field(None, description="Where the survey is answered; null = the settings do not say.")
    person: str | None = Field(None, description="Who writes; null = the shop.")
    write_to: str | None = Field(None, description="The address at which a person answers; null = the shop's.")


class OutreachContact(WireModel):
    """How to reach the customer."""

    email: str | None = Field(None, description="E-mail address; null = unknown, or mail to it has bounced.")
    phone: str | None = Field(None, description="Telephone number as the shop said it; null = unknown.")
    crm_id: str | None = Field(None, description="The customer's id in the CRM; null = unknown.")


class OutreachConsent(WireModel):
    """On what the message may be sent."""

    marketing_consent: bool | None = Field(description="The customer's last word; null = nothing is known of it here.")
    since: UtcTime | None = Field(description="When that was said; null = nothing is known of it here.")
    rule: Literal["required", "external"] = Field(
        description="required: nothing goes out without marketing_consent = true; external: the shop keeps consent elsewhere "
        "and must look there."
    )


class OutreachReason(WireModel):
    """One of the numbers that the sentence tells in words."""

    code: str = Field(description="What is measured, e.g. usual_gap; codes may be added, never renamed.")
    value: Number | None = Field(description="The number; null = unknown.")
    unit: str = Field(
        description="days, visits, share (0–1), nps or csat (points of that scale), or an ISO 4217 currency."
    )


class OutreachRequested(_Explained):
    """Everything needed to write one well-timed message, and to understand why."""

    contact: OutreachContact | None = Field(
        None, description="How to reach the customer; null = nothing is known of it."
    )
    timezone: str | None = Field(
        None,
        description="IANA time zone of the place where the customer is: their own, else that of their store "
        "(shop.store_timezones); null = unknown, use the shop's.",
    )
    consent: OutreachConsent | None = Field(None, description="On what the message may be sent.")
    subject: str = Field("", description="Proposal for a subject line, in the language of the sentence.")
    sentence_shop: str = Field("", description="The sentence in the shop's language (shop.locale).")
    reasons: Annotated[tuple[OutreachReason, ...], Field(strict=False)] = Field(
        (), description="The numbers behind the sentence, the weightiest first."
    )
    resolution: str | None = Field(
        None, description="What the shop says it did about a complaint, in its own words; null = nothing."
    )
    sample: bool = Field(
        False,
        description="true: made up by `churn-alert outreach test` for trying out; nobody decided it, it counts nowhere.",
    )


class OutreachCancelled(_Outreach):
    """An earlier outreach.requested is void."""

    cancelled_id: str = Field(description="The id of the outreach.requested that is void.")
    reason: str = Field(description="Reason code, e.g. returned.")
    cancelled_at: UtcTime = Field(description="Stream time of the cancellation.")
    returned_at: UtcTime | None = Field(description="The visit that made it void; null = not a visit.")


class DecisionRecord(_Explained):
    """What was decided for one rung, with the reason and the numbers it rests on."""

    outcome: Literal["released", "withheld", "deferred", "suppressed", "cancelled", "expired", "converted"] = Field(
        description="What was decided."
    )
    reason: str = Field(description="Reason code; codes may be added, never renamed.")
    returned_at: UtcTime | None = Field(description="The visit that ended the absence; null = none.")
    revenue: Money | None = Field(
        description="For converted: what that visit's first purchase brought; null otherwise."
    )
    arm: Literal["treated", "control"] | None = Field(
        None,
        description="treated: the message went out; control: it was withheld, to be compared. Of what was released or withheld, and of its end; null otherwise, and in records older than this field.",
    )


class DeliveryRecord(WireModel):
    """What has been done with one request in one channel. It holds no address and no name."""

    request_id: str = Field(description="The id of the outreach.requested.")
    customer_id: str | None = Field(description="Whom it is about; null = erased since.")
    channel: str = Field(description="Way out: smtp, or webhook.")
    state: Literal["requested", "attempted", "delivered", "bounced", "complained", "failed", "cancelled", "expired"] = (
        Field(
            description="requested = waiting; attempted = begun, and without a later state nobody knows whether it was taken; "
            "the others are ends."
        )
    )
    reason: str = Field(description="Code, e.g. consent_withdrawn or smtp 550 5.1.1; empty = none is needed.")
    at: UtcTime = Field(description="When, by the deliverer's clock.")
    attempts: Count = Field(description="Attempts so far.")
    expires_at: UtcTime = Field(description="Of the request: nothing is sent from then on.")
    sample: bool = Field(False, description="true: a marked sample, which counts nowhere.")
    delivered_at: UtcTime | None = Field(
        None, description="Of what has come back or been complained about since: when it was delivered; null otherwise."
    )
    provider_id: str | None = Field(
        None,
        description="What the mail server called the message when it took it, by which its provider finds it; null = it did not "
        "say, or the customer is erased.",
    )


class HealthPart(WireModel):
    """One component of the health."""

    name: str = Field(description="Component, e.g. recency.")
    points: NotNegative = Field(description="Points reached.")
    of: NotNegative = Field(description="Points that were possible.")


class LatestAnswer(WireModel):
    """A customer's newest answer to one survey, joined to the order it is about."""

    survey: Literal["nps", "csat", "ces"] = Field(description="Which question.")
    score: Annotated[int, Field(ge=0, le=10)] = Field(description=f"{ALL_IN_WORDS}.")
    answered_at: UtcTime = Field(description="When it was given.")
    order_id: str | None = Field(description="The order it is about; null = none was named.")
    ordered_at: UtcTime | None = Field(description="When that order was placed; null = it is not known (yet).")
    order_amount: Money | None = Field(
        description="What that order was when it was placed, refunds not taken off; null = it is not known (yet)."
    )


class CustomerRemoved(WireModel):
    """Whoever keeps numbers of this customer deletes them."""

    customer_id: str = Field(min_length=1, description="The customer, as the scores named them.")


class CustomerScores(WireModel):
    """The numbers of one customer."""

    customer_id: str = Field(description="Who.")
    as_of: UtcTime = Field(description="Stream time the numbers hold for.")
    segment: Literal["new", "returning", "regular", "vip", "slowing", "quiet", "lost"] = Field(description="Segment.")
    health: Percent | None = Field(description="0–100, 100 = healthy.")
    band: Literal["healthy", "watch", "at_risk"] | None = Field(description="healthy ≥ 70, watch ≥ 40, at_risk below.")
    health_parts: Annotated[tuple[HealthPart, ...], Field(strict=False)] = Field(
        description="Components whose points add up to the health; those without evidence are left out."
    )
    visits: Count = Field(description="Visits so far.")
    orders: Count = Field(description="Orders so far.")
    currency: str = Field(description="ISO 4217 code of every amount in this record.")
    revenue: Money = Field(description="Revenue so far, net of refunds.")
    first_visit_at: UtcTime | None = Field(description="null = never visited.")
    last_visit_at: UtcTime | None = Field(description="null = never visited.")
    usual_gap_days: NotNegative | None = Field(description="Typical days between two visits.")
    gap_spread: NotNegative | None = Field(
        description="Standard deviation of the log gaps: 0.3 a weekly habit, 1 no rhythm."
    )
    expected_visit_at: UtcTime | None = Field(description="When the next visit would be usual.")
    tail_probability: Probability | None = Field(
        description="Share of healthy gaps that last at least as long as the present one."
    )
    churn_risk: Probability | None = Field(description="1 − P(still a customer), 0–1; null = never visited.")
    churn_risk_band: Literal["low", "medium", "high"] | None = Field(
        description="low below 0.3, medium below 0.7, high from there; a record comes with each change."
    )
    expected_purchases_365d: NotNegative | None = Field(
        description="Orders expected in the next 365 days, the risk taken into account."
    )
    expected_value_365d: Money | None = Field(description="Revenue expected from them.")
    value_at_risk: Money | None = Field(
        description="Revenue of 365 days expected if they had surely stayed, × churn risk; with expected_value_365d it makes up the whole."
    )
    latest_nps: NpsScore | None = Field(description=f"{in_words('nps')}; null = never answered.")
    latest_csat: CsatScore | None = Field(description=f"{in_words('csat')}; null = never answered.")
    latest_ces: CesScore | None = Field(description=f"{in_words('ces')}; null = never answered.")
    answers: Annotated[tuple[LatestAnswer, ...], Field(strict=False)] = Field(
        (), description="The newest answer to each survey, nps, csat, ces; records older than this field lack it."
    )
    marketing_consent: bool | None = Field(
        None, description="The customer's last word on it; null = unknown, or a record older than this field."
    )
    store: str | None = Field(
        None,
        description="Store, else channel, of most of the recent visits; null = never said, or a record older than this field.",
    )
    visit_days: Annotated[tuple[LocalDate, ...], Field(strict=False)] = Field(
        (),
        description="Local days of the newest visits, twelve at most, oldest first, of who is slowing, quiet, lost or not healthy; empty for all others.",
    )


class PeriodMetrics(WireModel):
    """The numbers of one period, revised in place: the highest revision counts."""

    granularity: Literal["week", "month", "quarter", "year", "rolling_7", "rolling_30", "rolling_90", "rolling_365"] = (
        Field(description="Length of the period; weeks are ISO weeks.")
    )
    start: LocalDate = Field(description="First local day, inclusive.")
    end: LocalDate = Field(description="Local day after the last one, exclusive.")
    revision: Annotated[int, Field(ge=1)] = Field(description="Grows with every change of this period's numbers.")
    complete: bool = Field(description="Whether the period is over.")
    currency: str = Field(description="ISO 4217 code of every amount in this record.")
    customers_at_start: Count = Field(description="S: buyers of the period before.")
    customers_at_end: Count = Field(description="E: buyers of this period.")
    retained: Count = Field(description="Buyers of both.")
    lost: Count = Field(description="S − retained.")
    new: Count = Field(description="Buyers whose first visit ever lies in this period.")
    returned: Count = Field(description="Buyers who are neither retained nor new.")
    retention_rate: Percent | None = Field(description="retained / S in percent; null when S = 0.")
    churn_rate: Percent | None = Field(description="lost / S in percent; null when S = 0.")
    repeat_purchase_rate: Percent | None = Field(
        description="Buyers with two visits or more / E in percent; null when E = 0."
    )
    orders: Count = Field(description="Orders.")
    revenue: Money = Field(description="Net of refunds dated in the period; may be negative.")
    average_order_value: Money | None = Field(description="revenue / orders; null without orders.")
    purchase_frequency: NotNegative | None = Field(description="orders / E; null when E = 0.")
    customer_lifetime_value: Money | None = Field(
        description="Average order value × purchase frequency per year × average lifespan in years; null = one of them is unknown."
    )
    nps: Annotated[float, Field(ge=-100, le=100)] | None = Field(description="−100 … 100; null without answers.")
    nps_n: Count = Field(description="NPS answers.")
    csat: Percent | None = Field(description="Share of answers 4–5 in percent; null without answers.")
    csat_n: Count = Field(description="CSAT answers.")
    ces: Annotated[float, Field(ge=SCALES["ces"][0], le=SCALES["ces"][1])] | None = Field(
        description=f"Mean, {in_words('ces')}; null without answers."
    )
    ces_n: Count = Field(description="CES answers.")
    repeat_customers: Count = Field(description="Buyers with two visits or more in this period.")
    nps_margin: NotNegative | None = Field(
        description="Half width of the adjusted-Wald 95 % interval, points; null without answers."
    )
    nps_promoters: Count = Field(description="Answers 9–10.")
    nps_passives: Count = Field(description="Answers 7–8.")
    nps_detractors: Count = Field(description="Answers 0–6.")
    csat_satisfied: Count = Field(description="Answers 4–5.")
    ces_sum: Count = Field(description="Sum of the CES answers.")
    ces_favourable: Count = Field(description="Answers 5–7.")
    ces_favourable_rate: Percent | None = Field(description="Share of answers 5–7 in percent; null without answers.")


class ShopNotice(WireModel):
    """One of the shop's numbers has crossed a threshold that the settings name, is back, or has changed by more than
    chance. Of each threshold and period there is one at most."""

    notice_id: str = Field(description="threshold:granularity:start, the same for ever: act on it once.")
    threshold: str = Field(description="What the settings call it.")
    state: Literal["begins", "ends", "changed"] = Field(
        description="begins = the limit has been crossed; ends = the number is back beyond it and the hysteresis; changed = it has "
        "fallen or risen against the period before."
    )
    number: str = Field(description="Which number, as period-metrics calls it.")
    unit: Literal["count", "money", "percent", "points", "mean"] = Field(description="Of value and limit.")
    granularity: Literal["week", "month", "quarter", "year", "rolling_7", "rolling_30", "rolling_90", "rolling_365"] = (
        Field(description="Length of the period.")
    )
    start: LocalDate = Field(description="First local day of the period, inclusive.")
    end: LocalDate = Field(description="Local day after the last one, exclusive.")
    when: Literal["below", "above", "falls", "rises"] = Field(description="What the threshold asks for.")
    limit: Number | None = Field(description="Of below and above; null = it compares with the period before.")
    value: Number = Field(description="The number, when the notice was written; later revisions are on period-metrics.")
    value_before: Number | None = Field(description="That of the period before; null = it is not known.")
    change_low: Number | None = Field(
        description="Lower end of the 95 % interval of the change, in the number's unit; null = of below and above."
    )
    change_high: Number | None = Field(description="Its upper end; null = of below and above.")
    rests_on: Count = Field(description="People, answers or orders that the number is made from.")
    currency: str = Field(description="ISO 4217 code of amounts.")
    summary: str = Field(description="The same in one sentence, in the shop's language.")


class MeasuredArm(WireModel):
    """The people of one of the two groups that are compared."""

    people: Count = Field(description="Decisions whose window is over.")
    returned: Count = Field(description="Of them, who visited within the window.")
    return_rate: Percent | None = Field(description="returned / people in percent; null without people.")
    expected_return_rate: Percent | None = Field(
        description="The mean chance to return within the window that each had at the decision by what was learned, in percent."
    )
    first_visit_revenue: Money = Field(description="What the first of those visits brought, of all together.")
    window_revenue: Money = Field(description="What the whole window brought, net of refunds in it, of all together.")


class NumberDifference(WireModel):
    """A number with its 95 % interval."""

    value: Number = Field(description="The estimate.")
    low: Number = Field(description="Lower end of the interval.")
    high: Number = Field(description="Upper end of the interval.")


class MoneyDifference(WireModel):
    """An amount with its 95 % interval."""

    value: Money = Field(description="The estimate.")
    low: Money = Field(description="Lower end of the interval.")
    high: Money = Field(description="Upper end of the interval.")


class OutreachMeasured(WireModel):
    """What the messages of one kind and step have brought, beside a control group; the highest revision counts."""

    kind: str = Field(description="Kind of message; `all` = all kinds together, each person once.")
    rung: str = Field(description="Step of its ladder; `all` with kind `all`.")
    decided_in: str = Field(description="Local month of the decisions, YYYY-MM; `all` = since the first.")
    revision: Annotated[int, Field(ge=1)] = Field(description="Grows with every change of these numbers.")
    currency: str = Field(description="ISO 4217 code of every amount in this record.")
    treated: MeasuredArm = Field(description="To whom the message went out.")
    control: MeasuredArm = Field(description="From whom it was withheld.")
    return_rate_difference: NumberDifference | None = Field(
        description="treated − control in percentage points (Newcombe); null = an arm is empty."
    )
    return_rate_difference_adjusted: NumberDifference | None = Field(
        description="The same with each person's own expected chance to return taken into account (Lin); null = too few people."
    )
    first_visit_revenue_difference: MoneyDifference | None = Field(
        description="treated − control per person, first visit (Welch); null = too few people."
    )
    first_visit_revenue_difference_adjusted: MoneyDifference | None = Field(
        description="The same with each person's expected revenue taken into account; null = too few people."
    )
    window_revenue_difference: MoneyDifference | None = Field(
        description="treated − control per person, whole window (Welch); null = too few people."
    )
    window_revenue_difference_adjusted: MoneyDifference | None = Field(
        description="The same with each person's expected revenue taken into account; null = too few people."
    )
    enough_data: bool = Field(description="Whether the data are enough for an answer.")
    people_lacking: Count = Field(description="About so many more people have to be followed; 0 = enough.")
    incremental_visits: NumberDifference | None = Field(
        description="How many of the treated came back who would not have come by themselves; null = not enough data yet."
    )
    incremental_first_visit_revenue: MoneyDifference | None = Field(
        description="What their first visits brought on top; null = not enough data yet."
    )
    incremental_window_revenue: MoneyDifference | None = Field(
        description="What their windows brought on top; null = not enough data yet."
    )


class DeadLetterHeader(WireModel):
    """One header of the refused record."""

    name: str = Field(description="Name.")
    value_base64: str | None = Field(description="Value in base64; null = the header had none.")


class DeadLetterReference(WireModel):
    """What is known of records whose bytes are not in their dead letter: they lie where they came from, for as long as
    that topic keeps them."""

    last_offset: Count = Field(
        description="Offset of the last of them; source_offset is that of the first. The same = one record."
    )
    size_bytes: Count | None = Field(
        description="Bytes: of one record its own, of a run its batch as it lies there; null = not known."
    )
    checksum: str | None = Field(
        description="Of those bytes, or of the value where that could be read, with the function before a colon, e.g. "
        "crc32c:1c291ca3; of a run it is the one that its batch has in the log. null = not known."
    )


class DeadLetter(WireModel):
    """A record that could not be accepted, byte for byte, with the place it came from and what is wrong with it."""

    error_code: str = Field(description="Reason code, e.g. missing_field; codes may be added, never renamed.")
    error_message: str = Field(description="One short sentence that says what to repair.")
    source_topic: str = Field(description="Topic it came from.")
    source_partition: Count = Field(description="Partition it came from.")
    source_offset: Count = Field(description="Offset it came from.")
    source_timestamp: UtcTime | None = Field(description="The record's Kafka timestamp; null = it had none.")
    refused_at: UtcTime = Field(description="When it was refused.")
    key_base64: str | None = Field(description="Original key in base64; null = it had none.")
    value_base64: str | None = Field(description="Original value in base64; null = it had none (a tombstone).")
    headers: Annotated[tuple[DeadLetterHeader, ...], Field(strict=False)] = Field(
        description="Original headers, in order."
    )
    cut_off: Annotated[tuple[Literal["key", "value", "headers"], ...], Field(strict=False)] = Field(
        (),
        description="Parts too large to be copied whole: of a key or value the beginning is here, of headers none; the record "
        "itself lies where it came from for as long as that topic keeps it. Empty = everything is here.",
    )
    reference: DeadLetterReference | None = Field(
        None,
        description="Where the bytes lie that no dead letter can carry, of one record or of a run of them; null = the record "
        "is here, but for what cut_off names.",
    )
