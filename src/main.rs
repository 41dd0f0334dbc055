fn main() {
    println!("{}", weir::api::crds_yaml().unwrap());
}
