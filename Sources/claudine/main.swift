print("claudine")
