-- PostgreSQL. The JDBC sink wants a schema, and JSON carries none: so each record stands whole in the column `event`, and these
-- views take it apart. A deleted customer's record is a null there, which replaces what stood before; the last line removes the row.

CREATE VIEW customer_scores AS
SELECT customer_id,
       event::jsonb ->> 'time' AS as_of,
       event::jsonb -> 'data' ->> 'segment' AS segment,
       (event::jsonb -> 'data' ->> 'health')::float8 AS health,
       (event::jsonb -> 'data' ->> 'churn_risk')::float8 AS churn_risk,
       (event::jsonb -> 'data' ->> 'visits')::int AS visits,
       (event::jsonb -> 'data' ->> 'last_visit_at')::timestamptz AS last_visit_at,
       (event::jsonb -> 'data' ->> 'expected_visit_at')::timestamptz AS expected_visit_at,
       (event::jsonb -> 'data' ->> 'revenue')::numeric AS revenue,
       (event::jsonb -> 'data' ->> 'value_at_risk')::numeric AS value_at_risk
FROM customer_scores_events
WHERE event IS NOT NULL;

-- One row a request, also if a record lies in the topic twice; what was cancelled or has expired is left out.
CREATE VIEW outreach_to_do AS
SELECT DISTINCT ON (event::jsonb ->> 'id')
       event::jsonb ->> 'id' AS id,
       event::jsonb -> 'data' ->> 'customer_id' AS customer_id,
       event::jsonb -> 'data' ->> 'kind' AS kind,
       event::jsonb -> 'data' ->> 'rung' AS rung,
       event::jsonb -> 'data' -> 'contact' ->> 'email' AS email,
       event::jsonb -> 'data' ->> 'sentence' AS sentence,
       (event::jsonb -> 'data' ->> 'expires_at')::timestamptz AS expires_at
FROM outreach_events AS requested
WHERE event::jsonb ->> 'type' = 'outreach.requested'
  AND (event::jsonb -> 'data' ->> 'expires_at')::timestamptz > now()
  AND NOT EXISTS (
      SELECT FROM outreach_events AS void
      WHERE void.event::jsonb -> 'data' ->> 'cancelled_id' = requested.event::jsonb ->> 'id');

-- From time to time, for those who are to be forgotten:
-- DELETE FROM customer_scores_events WHERE event IS NULL;
