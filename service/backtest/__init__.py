"""What this policy would have done with a history, and whether it would have been worth it.

In the order in which it happens:

1. run.py opens the files (service/history), makes an engine for each partition and plays the events back;
2. playback.py takes each event through its engine, and past three note-takers: alert_log.py (what was decided, and who
   came back), visit_log.py (the visits, and what the engine knew at each), calibration.py (the churn risk halfway, and
   what came of it);
3. evaluation.py tells from these notes what the alerts were worth: absences.py, comparison.py, baselines.py,
   budgets.py, wrong_alerts.py; stories.py draws the customers who are shown as examples;
4. files.py writes alerts.csv, periods.csv, customers.csv and report.html (service/report).
"""
