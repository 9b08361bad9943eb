"""What primis does, shown on one clinical chest radiograph."""
