module ship

go 1.18
