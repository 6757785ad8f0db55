"""What alerts and scores were worth, judged on a history: beside simple rules, against what was promised, against what came after."""
